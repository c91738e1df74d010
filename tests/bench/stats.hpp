// The few statistics that the benchmark prints. Knows nothing of what the numbers mean.
#pragma once

#include <cstdint>
#include <vector>

namespace drover::bench {

// The middle value; the mean of the two middle ones of an even count. Precondition: not empty.
[[nodiscard]] double median(std::vector<double> values);

// The value below which `fraction` (0..1) of them lie, by nearest rank. Precondition: not empty.
[[nodiscard]] double percentile(std::vector<double> values, double fraction);

// What one sample of a latency consists of: the middle and the tail of many round trips.
struct LatencySample {
  double p50_us = 0;
  double p99_us = 0;
};

// Precondition: not empty.
[[nodiscard]] LatencySample latency_of(const std::vector<std::uint64_t>& nanoseconds);

}  // namespace drover::bench
