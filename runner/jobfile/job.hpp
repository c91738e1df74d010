// What a job file says, and what the command line says about reading it. Knows nothing of how a job is run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/task.hpp"
#include "runner/jobfile/halt.hpp"

namespace drover {

struct JobOptions {
  std::string shell = "/bin/sh";  // executes the command strings that need one; must understand -c
  bool shell_given = false;       // --shell: then it stands before the `shell` of [defaults]
  // From the command line: they stand before the same keys of [defaults]. A task's own key stands before all.
  std::optional<Duration> timeout;
  std::optional<Duration> grace;
  std::optional<std::uint32_t> retries;
  // The functions that the workers know. Unset: not known yet, see check_functions.
  std::optional<std::vector<std::string>> functions;
};

// A place where a job file names a function.
struct FunctionUse {
  std::string name;
  unsigned line = 0;
  unsigned column = 0;
};

struct Job {
  std::string name;                    // empty: none
  std::optional<std::string> workers;  // as written; parse_worker_count accepts it
  std::optional<HaltRule> halt;
  std::vector<TaskSpec> tasks;         // a task's id is its position + 1
  std::vector<FunctionUse> functions;  // in file order, one for each task that calls a function
};

}  // namespace drover
