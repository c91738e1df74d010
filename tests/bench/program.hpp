// Runs the programs that drover is compared with, as whole processes. Knows nothing of what they do.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace drover::bench {

// A private folder, removed with everything in it at the end of the process that made it. Throws
// CannotMeasure.
class WorkFolder {
 public:
  WorkFolder();
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  // Writes a file of that name (folders in it are made) and returns its path. Throws CannotMeasure.
  [[nodiscard]] std::string write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
  pid_t owner_;  // a forked child that unwinds must not remove it
};

// The path of a program: as given when there is a slash in it, else found in PATH; empty when there is none.
[[nodiscard]] std::string find_program(const std::string& name);

// The first line of `program --version`; empty when it cannot be run.
[[nodiscard]] std::string version_of(const std::string& program);

struct ProgramRun {
  std::vector<std::string> argv;  // argv[0] is a path
  std::string stdin_path = "/dev/null";
};

// Runs it to its end with its output thrown away and returns the wall time. Throws CannotMeasure, with the
// first line of its standard error, unless it ends with status 0.
[[nodiscard]] double seconds_of(const ProgramRun& run);

// Starts it with these descriptors as 0, 1 and 2 and returns its pid; the caller reaps it. Throws
// CannotMeasure.
[[nodiscard]] pid_t start_program(const std::vector<std::string>& argv, int in, int out, int err);

}  // namespace drover::bench
