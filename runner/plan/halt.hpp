// When a run ends early: GNU parallel's --halt WHEN,WHY=N or =N%. Knows nothing of single tasks.
#pragma once

#include <cstdint>

#include "runner/plan/task_state.hpp"

namespace drover {

struct HaltPolicy {
  enum class When : std::uint8_t { Never, Soon, Now };  // Soon: what runs may finish; Now: it is ended
  enum class Why : std::uint8_t { Fail, Success, Done };

  When when = When::Never;
  Why why = Why::Fail;
  std::uint64_t count = 0;  // tasks, or percent; 0 never fires
  bool percent = false;
};

// While the input has not ended nobody knows what a percentage is of. As failures should stop an endless
// stream too, they are then measured against the tasks that were tried, and at least this many must have
// failed.
inline constexpr std::uint64_t kFailuresBeforePercent = 3;

// Fail counts the failed tasks, Success the succeeded ones, Done both: tasks that were skipped or cancelled
// ended without a word about themselves and count for none. A percentage is of all tasks of the run once the
// input has ended; before that success and done percentages do not fire.
[[nodiscard]] bool halt_fires(const HaltPolicy& policy, const PlanCounts& counts, bool input_ended);

}  // namespace drover
