// The `drover` command as a whole process: a list on standard input, nothing stored, output thrown away.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/ours.hpp"
#include "tests/bench/program.hpp"
#include "tests/bench/stream.hpp"

namespace drover::bench {
namespace {

std::string drover_folder() {
  if (const char* folder = std::getenv("DROVER_BIN")) return folder;
  std::error_code refused;
  return std::filesystem::read_symlink("/proc/self/exe", refused).parent_path().string();
}

std::vector<std::string> run_list(unsigned workers) {
  const std::string program = drover_path();
  if (program.empty()) throw CannotMeasure("there is no drover in " + drover_folder());
  return {program, "run", "--no-store", "-", fmt::format("-j{}", workers)};
}

// A file without a name that holds `n` commands, one a line.
UniqueFd command_list(unsigned n, bool shell) {
  std::string lines;
  // A double quote is no plain character: it sends the line through /bin/sh.
  for (unsigned each = 1; each <= n; ++each)
    lines += fmt::format("/bin/true {1}{0}{1}\n", each, shell ? "\"" : "");
  UniqueFd file(::memfd_create("commands", MFD_CLOEXEC));
  if (!file) throw CannotMeasure(last_error("memfd_create").text());
  if (::write(file.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) {
    throw CannotMeasure(last_error("write", "commands").text());
  }
  return file;
}

// Opened anew by each run, so that each reads from the beginning.
std::string path_of(const UniqueFd& file) {
  return fmt::format("/proc/self/fd/{}", file.get());
}

}  // namespace

std::string drover_path() {
  return find_program(drover_folder() + "/drover");
}

double drover_commands_per_second(unsigned workers, unsigned n, bool shell) {
  const UniqueFd list = command_list(n, shell);
  return n / seconds_of({run_list(workers), path_of(list)});
}

double drover_one_true_seconds() {
  const UniqueFd list = command_list(1, false);
  const ProgramRun run{run_list(1), path_of(list)};
  std::vector<double> runs;
  for (int each = 0; each < 20; ++each) runs.push_back(seconds_of(run));
  return median(runs);
}

Side drover_stream(Probe probe) {
  return {"drover run -j2", [probe] { return probe_stream(run_list(2), "/bin/echo 1\n", probe); }, ""};
}

}  // namespace drover::bench
