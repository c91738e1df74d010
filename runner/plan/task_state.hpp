// The states of a task, which may follow which, and how many tasks are in each.
#pragma once

#include <cstdint>

namespace drover {

enum class TaskState : std::uint8_t {
  Absent,     // not added yet
  Waiting,    // a task that it needs is not final yet
  Ready,      // may start
  HandedOut,  // taken by the caller, who owes an outcome or the task itself
  Succeeded,  // this and the following are final
  Failed,     // its last attempt did not end well
  Skipped,    // never had an attempt: a task that it needs will never succeed
  Cancelled,  // taken out of the run, by a stop or on its own
};
inline constexpr std::uint32_t kTaskStates = 8;

[[nodiscard]] constexpr bool is_final(TaskState state) {
  return state >= TaskState::Succeeded;
}

[[nodiscard]] constexpr bool may_become(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::Absent:
      return to == TaskState::Waiting || to == TaskState::Ready || to == TaskState::Skipped ||
             to == TaskState::Cancelled;
    case TaskState::Waiting:
      return to == TaskState::Ready || to == TaskState::Skipped || to == TaskState::Cancelled;
    case TaskState::Ready:
      return to == TaskState::HandedOut || to == TaskState::Cancelled;
    case TaskState::HandedOut:
      return to == TaskState::Ready || to == TaskState::Succeeded || to == TaskState::Failed ||
             to == TaskState::Cancelled;
    case TaskState::Succeeded:
    case TaskState::Failed:
    case TaskState::Skipped:
    case TaskState::Cancelled:
      return false;
  }
  return false;
}

struct PlanCounts {
  std::uint64_t total = 0;  // added so far: the sum of the following
  std::uint64_t waiting = 0;
  std::uint64_t ready = 0;
  std::uint64_t handed_out = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;
  std::uint64_t cancelled = 0;

  [[nodiscard]] constexpr std::uint64_t open() const { return waiting + ready + handed_out; }
  [[nodiscard]] constexpr std::uint64_t finals() const { return succeeded + failed + skipped + cancelled; }
  friend bool operator==(const PlanCounts&, const PlanCounts&) = default;
};

}  // namespace drover
