// Time as drover counts it: nanoseconds of CLOCK_MONOTONIC, which all processes of one machine share.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace drover {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

[[nodiscard]] inline std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// libstdc++'s steady_clock is CLOCK_MONOTONIC.
[[nodiscard]] inline Instant now() {
  return Instant(Duration(now_ns()));
}

}  // namespace drover
