// How much work a lane should hold: rules of dispatch, from measured task lengths. Pure, like the plan, and
// apart from it: knows nothing of single tasks, of states or of what a lane is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/clock.hpp"

namespace drover {

// Work queued behind the task in hand: bridges the coordinator's longest usual absence.
inline constexpr Duration kQueuedAhead = std::chrono::milliseconds(1);
// From here on the hand-over is lost in the task's length, and what waits in a lane waits in vain.
inline constexpr Duration kLongTask = std::chrono::milliseconds(10);
// One entry of the ring should stand for this much work of function tasks ...
inline constexpr Duration kEntryWork = std::chrono::microseconds(50);
// ... and longer tasks than this travel one by one.
inline constexpr Duration kLongestInRun = std::chrono::microseconds(25);
// A lane that is done sooner than this is left its tasks: taking them back would cost as much.
inline constexpr Duration kWorthRecall = std::chrono::microseconds(100);
// A task in hand for longer than this holds up what is queued behind it, whatever the estimate said.
inline constexpr Duration kHoldsUp = std::chrono::milliseconds(1);
// What a task is assumed to take as long as none of its group was measured.
inline constexpr Duration kAssumedLength = std::chrono::milliseconds(10);

// How long a group's tasks take: a moving average over about 8 measurements, in which one measurement that is
// far too long counts as four times the average. So a single hiccup of the machine does not empty the lanes,
// while tasks that became longer for good are believed step by step.
class LengthEstimate {
 public:
  // `count` tasks took `total` together. count > 0.
  void add(Duration total, std::uint32_t count = 1);
  [[nodiscard]] bool known() const { return samples_ != 0; }
  // None before the first measurement; at least a nanosecond.
  [[nodiscard]] std::optional<Duration> length() const;

 private:
  double average_ns_ = 0;
  std::uint32_t samples_ = 0;  // counts to kMemory, no further
};

// How many tasks a lane should hold, the one in hand included: one of unknown or great length, else one in
// hand and about kQueuedAhead of work, at least one task, behind it; never more than `cap` (at least 1).
[[nodiscard]] std::uint32_t lane_depth(const LengthEstimate& estimate, std::uint32_t cap);

// How many function tasks one ring entry should stand for, 1 to `cap` (at least 1).
[[nodiscard]] std::uint32_t run_length(const LengthEstimate& estimate, std::uint32_t cap);

struct LaneLoad {
  std::uint32_t not_begun = 0;          // tasks that can be taken back
  std::optional<Duration> length;       // of each, estimated
  std::optional<Duration> in_hand_for;  // how long its present task runs already; none: it has none in hand
};

struct Recall {
  std::size_t lane = 0;  // index into the loads
  std::uint32_t count = 0;

  friend bool operator==(const Recall&, const Recall&) = default;
};

// A lane idles and nothing is ready: whom to relieve. Half (rounded up) of what the most loaded lane has not
// begun, by estimated time, the first of equals; a lane that will be done within kWorthRecall is left alone,
// unless its present task holds it up or nobody knows how long its tasks take.
[[nodiscard]] std::optional<Recall> choose_recall(std::span<const LaneLoad> loads);

}  // namespace drover
