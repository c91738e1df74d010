#include "runner/jobfile/duration.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "runner/jobfile/diagnostic.hpp"

namespace drover {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

// From large to small, the order in which a duration is written.
constexpr std::array<Unit, 7> kUnits{{{"d", 86'400'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};

constexpr std::string_view kHow = "write it like 300ms, 10s or 1h30m";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Mistake not_a_duration(std::string_view text) {
  return {fmt::format("{} is not a duration; {}", quoted(text), kHow)};
}

Mistake too_long(std::string_view text) {
  return {fmt::format("{} is too long a time; the longest is 36500d", text)};
}

// Takes "12", "1.5" or ".5" off the front. Long double holds every nanosecond of kLongestDuration exactly.
bool take_number(std::string_view& rest, long double& number) {
  number = 0;
  std::size_t used = 0;
  std::size_t digits = 0;
  for (; used < rest.size() && is_digit(rest[used]); ++used, ++digits)
    number = number * 10 + (rest[used] - '0');
  if (used < rest.size() && rest[used] == '.') {
    long double place = 1;
    std::size_t fraction = 0;
    for (++used; used < rest.size() && is_digit(rest[used]); ++used, ++fraction) {
      place *= 10;
      number += (rest[used] - '0') / place;
    }
    if (fraction == 0) return false;
    digits += fraction;
  }
  rest.remove_prefix(used);
  return digits > 0;
}

std::string_view take_unit(std::string_view& rest) {
  std::size_t used = 0;
  while (used < rest.size() && !is_digit(rest[used]) && rest[used] != '.') ++used;
  const std::string_view unit = rest.substr(0, used);
  rest.remove_prefix(used);
  return unit;
}

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  if (!text.empty() && text.front() == '-') {
    return Mistake{fmt::format("{} is negative; a duration is 0 or more", quoted(text))};
  }
  std::string_view rest = text;
  long double total = 0;
  std::size_t smallest = 0;  // kUnits before this index were used or skipped
  do {
    const bool first = rest.size() == text.size();
    long double number = 0;
    if (!take_number(rest, number)) return not_a_duration(text);
    const std::string_view name = take_unit(rest);
    if (name.empty()) {
      if (!first || !rest.empty()) {
        return Mistake{fmt::format("the last number of {} has no unit; {}", quoted(text), kHow)};
      }
      total = number * 1e9L;
      break;
    }
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) {
      return Mistake{fmt::format("{} is not a unit of time; use d, h, m, s, ms, us or ns", quoted(name))};
    }
    if (unit < smallest) {
      return Mistake{fmt::format("the units of {} are not in order; write each once, from large to small",
                                 quoted(text))};
    }
    smallest = unit + 1;
    total += number * static_cast<long double>(kUnits[unit].ns);
  } while (!rest.empty());
  if (!(total <= static_cast<long double>(kLongestDuration.count()))) return too_long(quoted(text));
  return Duration(std::llroundl(total));
}

Parsed<Duration> duration_from_seconds(double seconds) {
  if (std::isnan(seconds)) return Mistake{fmt::format("nan is not a duration; {}", kHow)};
  if (seconds < 0) return Mistake{fmt::format("{} is negative; a duration is 0 or more", seconds)};
  const long double ns = static_cast<long double>(seconds) * 1e9L;
  if (ns > static_cast<long double>(kLongestDuration.count())) return too_long(fmt::format("{}", seconds));
  return Duration(std::llroundl(ns));
}

std::string format_duration(Duration duration) {
  // Unsigned, so that the most negative duration has a magnitude too.
  const bool negative = duration.count() < 0;
  const auto count = static_cast<std::uint64_t>(duration.count());
  const std::uint64_t ns = negative ? 0 - count : count;
  const auto rounded = [ns](std::uint64_t unit) {
    return ns / unit + (ns % unit >= unit - unit / 2 ? 1 : 0);
  };
  constexpr std::uint64_t kMicro = 1'000;
  constexpr std::uint64_t kMilli = 1'000'000;
  constexpr std::uint64_t kTenth = 100'000'000;
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const char* sign = negative ? "-" : "";
  // Each step is decided on the rounded number: 59.96 seconds are 1m00s, never 60.0s.
  if (ns == 0) return "0s";
  if (ns < kMicro) return fmt::format("{}{}ns", sign, ns);
  if (rounded(kMicro) < 1000) return fmt::format("{}{}us", sign, rounded(kMicro));
  if (rounded(kMilli) < 1000) return fmt::format("{}{}ms", sign, rounded(kMilli));
  if (const auto tenths = rounded(kTenth); tenths < 600)
    return fmt::format("{}{}.{}s", sign, tenths / 10, tenths % 10);
  if (const auto seconds = rounded(kSecond); seconds < 3600) {
    return fmt::format("{}{}m{:02}s", sign, seconds / 60, seconds % 60);
  }
  if (const auto minutes = rounded(60 * kSecond); minutes < 24 * 60) {
    return fmt::format("{}{}h{:02}m", sign, minutes / 60, minutes % 60);
  }
  const auto hours = rounded(3600 * kSecond);
  return fmt::format("{}{}d{:02}h", sign, hours / 24, hours % 24);
}

}  // namespace drover
