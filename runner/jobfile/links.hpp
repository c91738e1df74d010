// From the names that a job's `after` keys hold to the ids in TaskSpec::after. Knows nothing of the file's
// language.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/task.hpp"
#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/task_names.hpp"

namespace drover {

// One name or glob of an `after`.
struct After {
  TaskId task = 0;  // who waits
  std::string written;
  unsigned line = 0;
  unsigned column = 0;
};

// A glob is written out as one edge for each pair of tasks; beyond this many (0.4 GB) a job is refused.
inline constexpr std::uint64_t kMostEdges = 50'000'000;

// Fills every TaskSpec::after, ascending and without doubles. Adds a diagnostic for each name that is
// unknown, each glob that matches no other task, and each circle. `afters` is in the order of the tasks. A
// task never waits for itself because of a glob.
void link_tasks(const std::vector<After>& afters, TaskNames& names, std::vector<TaskSpec>& tasks,
                const std::string& file, std::vector<Diagnostic>& diagnostics,
                std::uint64_t most_edges = kMostEdges);

}  // namespace drover
