#include "tests/bench/stats.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/check.hpp"

namespace drover::bench {

double median(std::vector<double> values) {
  DROVER_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double fraction) {
  DROVER_CHECK(!values.empty() && fraction >= 0 && fraction <= 1);
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(fraction * static_cast<double>(values.size()));
  return values[rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1];
}

LatencySample latency_of(const std::vector<std::uint64_t>& nanoseconds) {
  std::vector<double> microseconds;
  microseconds.reserve(nanoseconds.size());
  for (const std::uint64_t each : nanoseconds) microseconds.push_back(static_cast<double>(each) / 1e3);
  return {percentile(microseconds, 0.50), percentile(microseconds, 0.99)};
}

}  // namespace drover::bench
