#include "runner/jobfile/cycles.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "common/check.hpp"

namespace drover {
namespace {

constexpr std::uint32_t kUnseen = std::numeric_limits<std::uint32_t>::max();

// Tarjan's strongly connected components, with a stack of its own: a chain of 100,000 tasks would overflow
// the thread's. Tasks are numbered from 0 here.
class Groups {
 public:
  explicit Groups(const std::vector<TaskSpec>& tasks)
      : tasks_(tasks), number_(tasks.size(), kUnseen), low_(tasks.size()), group_(tasks.size(), kUnseen) {
    for (std::uint32_t task = 0; task < tasks.size(); ++task) {
      if (number_[task] == kUnseen) visit_from(task);
    }
  }
  // Tasks of the same group wait for each other, or are the same task.
  [[nodiscard]] std::uint32_t group(std::size_t task) const { return group_[task]; }

 private:
  struct Visit {
    std::uint32_t task;
    std::size_t next_need;
  };

  void enter(std::uint32_t task) {
    number_[task] = low_[task] = next_number_++;
    open_.push_back(task);
    visits_.push_back({task, 0});
  }

  void leave(std::uint32_t task) {
    visits_.pop_back();
    if (!visits_.empty()) {
      const std::uint32_t parent = visits_.back().task;
      low_[parent] = std::min(low_[parent], low_[task]);
    }
    if (low_[task] != number_[task]) return;
    std::uint32_t member = kUnseen;
    while (member != task) {
      member = open_.back();
      open_.pop_back();
      group_[member] = next_group_;
    }
    ++next_group_;
  }

  void visit_from(std::uint32_t root) {
    enter(root);
    while (!visits_.empty()) {
      Visit& visit = visits_.back();
      const std::vector<TaskId>& after = tasks_[visit.task].after;
      if (visit.next_need == after.size()) {
        leave(visit.task);
        continue;
      }
      const auto need = static_cast<std::uint32_t>(after[visit.next_need++] - 1);
      if (number_[need] == kUnseen) {
        enter(need);  // invalidates visit
      } else if (group_[need] == kUnseen) {
        low_[visit.task] = std::min(low_[visit.task], number_[need]);
      }
    }
  }

  const std::vector<TaskSpec>& tasks_;
  std::vector<std::uint32_t> number_;  // in order of discovery
  std::vector<std::uint32_t> low_;     // the least number that is reached from here and still open
  std::vector<std::uint32_t> group_;
  std::vector<std::uint32_t> open_;  // discovered, not yet in a group
  std::vector<Visit> visits_;
  std::uint32_t next_number_ = 0;
  std::uint32_t next_group_ = 0;
};

// Breadth first within the group, from `first` until something waits for `first` again.
// `reached_from` is kUnseen for all tasks of the group.
std::vector<TaskId> shortest_cycle(const std::vector<TaskSpec>& tasks, const Groups& groups,
                                   std::uint32_t first, std::vector<std::uint32_t>& reached_from) {
  std::vector<std::uint32_t> queue{first};
  for (std::size_t head = 0; head < queue.size(); ++head) {
    const std::uint32_t task = queue[head];
    for (const TaskId id : tasks[task].after) {
      const auto need = static_cast<std::uint32_t>(id - 1);
      if (need == first) {
        std::vector<TaskId> cycle;
        for (std::uint32_t at = task; at != first; at = reached_from[at]) cycle.push_back(at + 1);
        cycle.push_back(first + 1);
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
      }
      if (groups.group(need) != groups.group(first) || reached_from[need] != kUnseen) continue;
      reached_from[need] = task;
      queue.push_back(need);
    }
  }
  return {};
}

}  // namespace

std::vector<std::vector<TaskId>> find_cycles(const std::vector<TaskSpec>& tasks) {
  DROVER_CHECK(tasks.size() < kUnseen);
  const Groups groups(tasks);
  std::vector<bool> reported(tasks.size(), false);  // by group: there are at most as many
  std::vector<std::uint32_t> reached_from(tasks.size(), kUnseen);
  std::vector<std::vector<TaskId>> cycles;
  for (std::uint32_t task = 0; task < tasks.size(); ++task) {
    const std::uint32_t group = groups.group(task);
    if (reported[group]) continue;
    // In a group of more than one every task lies on a circle, so the first one decides for all.
    reported[group] = true;
    std::vector<TaskId> cycle = shortest_cycle(tasks, groups, task, reached_from);
    if (!cycle.empty()) cycles.push_back(std::move(cycle));
  }
  return cycles;
}

}  // namespace drover
