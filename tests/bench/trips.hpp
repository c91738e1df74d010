// Times one round trip after another, for peers and for drover in the same way.
#pragma once

#include <cstdint>
#include <vector>

#include "common/clock.hpp"
#include "tests/bench/stats.hpp"

namespace drover::bench {

// Calls trip() until there were 5,000 and 0.1 s have passed, after 200 that warm up.
template <class Trip>
[[nodiscard]] LatencySample time_trips(Trip trip) {
  constexpr unsigned kWarmUp = 200;
  constexpr std::size_t kTrips = 5'000;
  constexpr std::uint64_t kLeastNs = 100'000'000;
  for (unsigned each = 0; each < kWarmUp; ++each) trip();
  std::vector<std::uint64_t> times;
  times.reserve(1'000'000);  // no growth between two trips, nor page faults of a copy
  const std::uint64_t first = now_ns();
  for (std::uint64_t end = first; times.size() < kTrips || end - first < kLeastNs;) {
    const std::uint64_t begin = now_ns();
    trip();
    end = now_ns();
    times.push_back(end - begin);
  }
  return latency_of(times);
}

}  // namespace drover::bench
