// Job files, the same that the `drover` command runs: tasks with commands or named functions, a graph,
// retries.
//
//   auto report = coordinator.run(drover::JobFile::load("jobs.toml"));
//   if (!report.succeeded()) for (const auto& task : report.failed) log(task.name, task.outcome);
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

// The file cannot be read, or says what makes no sense: what() has every mistake, one a line, each with line
// and column.
class JobFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A value: copies refer to the same file. Any thread.
class JobFile {
 public:
  // `.toml`: read and checked here, as a whole. Anything else: a list of commands, one a line, which is
  // opened here and read while it runs, so it runs once. Throws JobFileError.
  static JobFile load(const std::string& path);
  // The text of a .toml. `name` is for people.
  static JobFile parse(std::string_view toml, const std::string& name = "job");

  struct Content;
  [[nodiscard]] Content& content() const { return *content_; }

 private:
  explicit JobFile(std::shared_ptr<Content> content) : content_(std::move(content)) {}
  std::shared_ptr<Content> content_;
};

// How a task ended that did not succeed.
struct JobTask {
  std::uint64_t task = 0;  // its number, from 1
  std::string name;        // as written; else "#" and the number
  std::string outcome;     // for people: "failed (exit 3)", "worker lost (SIGKILL)"
  int exit_code = 0, signal = 0;
  unsigned attempts = 0;
};

struct JobReport {
  std::uint64_t tasks = 0, tasks_succeeded = 0, tasks_failed = 0, tasks_cancelled = 0, tasks_skipped = 0;
  std::vector<JobTask> failed;  // the first 10,000
  bool input_failed = false;    // a list could not be read to its end

  [[nodiscard]] bool succeeded() const { return tasks_succeeded == tasks && !input_failed; }
};

}  // namespace drover
