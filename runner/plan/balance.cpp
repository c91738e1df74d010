#include "runner/plan/balance.hpp"

#include <algorithm>
#include <cmath>

#include "common/check.hpp"

namespace drover {
namespace {

constexpr std::uint32_t kMemory = 8;
constexpr double kOutlier = 4;

double ns(Duration duration) {
  return static_cast<double>(duration.count());
}

// How many tasks of this length make up this much work.
std::uint32_t tasks_in(Duration work, Duration length) {
  return static_cast<std::uint32_t>(work.count() / length.count());
}

// A task that runs for longer than expected will, as far as anybody can know, run as long again.
double rest_of_task(double length_ns, double so_far_ns) {
  return so_far_ns < length_ns ? length_ns - so_far_ns : so_far_ns;
}

double remaining_ns(const LaneLoad& load) {
  const double length = ns(load.length.value_or(kAssumedLength));
  const double in_hand = load.in_hand_for ? rest_of_task(length, ns(*load.in_hand_for)) : 0;
  return in_hand + length * load.not_begun;
}

bool worth_relief(const LaneLoad& load) {
  if (load.not_begun == 0) return false;
  if (!load.length || (load.in_hand_for && *load.in_hand_for > kHoldsUp)) return true;
  return remaining_ns(load) > ns(kWorthRecall);
}

}  // namespace

void LengthEstimate::add(Duration total, std::uint32_t count) {
  DROVER_CHECK(count != 0);
  double sample = std::max(ns(total) / count, 1.0);
  if (samples_ != 0) sample = std::min(sample, average_ns_ * kOutlier);
  if (samples_ < kMemory) ++samples_;
  average_ns_ += (sample - average_ns_) / samples_;
}

std::optional<Duration> LengthEstimate::length() const {
  if (!known()) return std::nullopt;
  return Duration(std::max<std::int64_t>(1, std::llround(average_ns_)));
}

std::uint32_t lane_depth(const LengthEstimate& estimate, std::uint32_t cap) {
  const std::optional<Duration> length = estimate.length();
  if (!length || *length >= kLongTask) return 1;
  return std::min(cap, 1 + std::max(1U, tasks_in(kQueuedAhead, *length)));
}

std::uint32_t run_length(const LengthEstimate& estimate, std::uint32_t cap) {
  const std::optional<Duration> length = estimate.length();
  if (!length || *length > kLongestInRun) return 1;
  return std::min(cap, tasks_in(kEntryWork, *length));
}

std::optional<Recall> choose_recall(std::span<const LaneLoad> loads) {
  std::optional<Recall> best;
  double most = 0;
  for (std::size_t lane = 0; lane < loads.size(); ++lane) {
    if (!worth_relief(loads[lane])) continue;
    const double remaining = remaining_ns(loads[lane]);
    if (best && remaining <= most) continue;
    best = Recall{lane, loads[lane].not_begun - loads[lane].not_begun / 2};
    most = remaining;
  }
  return best;
}

}  // namespace drover
