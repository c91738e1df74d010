// Durations as people write and read them. Knows nothing of what they are for.
#pragma once

#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "runner/jobfile/parsed.hpp"

namespace drover {

// 100 years: a deadline that lies so far ahead still fits into an Instant.
inline constexpr Duration kLongestDuration = std::chrono::hours(24) * 36'500;

// "300ms", "10s", "1h30m", "2d", "1.5h"; units d h m s ms us ns, each at most once and from large to small. A
// bare number, with or without a fraction, is seconds. Never negative.
[[nodiscard]] Parsed<Duration> parse_duration(std::string_view text);
// The same for a number that is not text.
[[nodiscard]] Parsed<Duration> duration_from_seconds(double seconds);

// Short and rounded to what a reader cares for: "0s", "850us", "450ms", "3.2s", "2m05s", "1h02m", "3d04h".
// parse_duration reads all of these.
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace drover
