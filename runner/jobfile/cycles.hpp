// Tasks that wait for each other in a circle, so that none of them could ever begin.
#pragma once

#include <vector>

#include "common/task.hpp"

namespace drover {

// One circle for each group of tasks that are entangled: its first task, then the one that this waits for,
// and so on; the last one waits for the first. The circle is a shortest one through the group's first task
// that lies on a circle. Linear in tasks and edges. Precondition: every id in an `after` is that of a task.
[[nodiscard]] std::vector<std::vector<TaskId>> find_cycles(const std::vector<TaskSpec>& tasks);

}  // namespace drover
