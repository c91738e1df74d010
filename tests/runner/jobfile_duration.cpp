#include <doctest/doctest.h>

#include <limits>

#include "runner/jobfile/duration.hpp"

using drover::Duration;
using drover::duration_from_seconds;
using drover::format_duration;
using drover::parse_duration;
using namespace std::chrono_literals;

namespace {

Duration parsed(std::string_view text) {
  CAPTURE(text);
  const auto duration = parse_duration(text);
  REQUIRE(duration.ok());
  return *duration;
}

std::string mistake_in(std::string_view text) {
  CAPTURE(text);
  const auto duration = parse_duration(text);
  REQUIRE_FALSE(duration.ok());
  return duration.mistake();
}

}  // namespace

TEST_CASE("each unit of a duration has its length") {
  CHECK(parsed("2d") == 48h);
  CHECK(parsed("3h") == 3h);
  CHECK(parsed("4m") == 4min);
  CHECK(parsed("10s") == 10s);
  CHECK(parsed("300ms") == 300ms);
  CHECK(parsed("5us") == 5us);
  CHECK(parsed("7ns") == 7ns);
}

TEST_CASE("the parts of a duration add up") {
  CHECK(parsed("1h30m") == 90min);
  CHECK(parsed("1h02m") == 62min);
  CHECK(parsed("1d1h1m1s1ms1us1ns") == 25h + 61s + 1'001'001ns);
  CHECK(parsed("1m90s") == 150s);
}

TEST_CASE("a bare number is seconds") {
  CHECK(parsed("0") == 0s);
  CHECK(parsed("12") == 12s);
  CHECK(parsed("0.3") == 300ms);
  CHECK(parsed(".5") == 500ms);
  CHECK(parsed("0.000000001") == 1ns);
}

TEST_CASE("a part of a duration may have a fraction") {
  CHECK(parsed("1.5h") == 90min);
  CHECK(parsed("1h0.5m") == 3630s);
  CHECK(parsed("0.1ms") == 100us);
  CHECK(parsed("0.10000000000000000000000000000000001s") == 100ms);
}

TEST_CASE("a hundred years is the longest duration") {
  CHECK(parsed("36500d") == drover::kLongestDuration);
  CHECK(parsed("3153600000") == drover::kLongestDuration);
  CHECK(mistake_in("36501d") == "\"36501d\" is too long a time; the longest is 36500d");
  CHECK(mistake_in("36500d1ns") == "\"36500d1ns\" is too long a time; the longest is 36500d");
  CHECK(mistake_in(std::string(5000, '9')).ends_with(" is too long a time; the longest is 36500d"));
}

TEST_CASE("what is no duration is refused with the reason") {
  const std::string how = "write it like 300ms, 10s or 1h30m";
  CHECK(mistake_in("") == "\"\" is not a duration; " + how);
  CHECK(mistake_in("soon") == "\"soon\" is not a duration; " + how);
  CHECK(mistake_in("s") == "\"s\" is not a duration; " + how);
  CHECK(mistake_in(" 5s") == "\" 5s\" is not a duration; " + how);
  CHECK(mistake_in("1..5s") == "\"1..5s\" is not a duration; " + how);
  CHECK(mistake_in("5.") == "\"5.\" is not a duration; " + how);
  CHECK(mistake_in(".") == "\".\" is not a duration; " + how);
  CHECK(mistake_in("1h30") == "the last number of \"1h30\" has no unit; " + how);
  CHECK(mistake_in("10min") == "\"min\" is not a unit of time; use d, h, m, s, ms, us or ns");
  CHECK(mistake_in("10S") == "\"S\" is not a unit of time; use d, h, m, s, ms, us or ns");
  CHECK(mistake_in("1h 30m") == "\"h \" is not a unit of time; use d, h, m, s, ms, us or ns");
  CHECK(mistake_in("1e3") == "\"e\" is not a unit of time; use d, h, m, s, ms, us or ns");
  CHECK(mistake_in("-5s") == "\"-5s\" is negative; a duration is 0 or more");
  CHECK(mistake_in("30m1h") ==
        "the units of \"30m1h\" are not in order; write each once, from large to small");
  CHECK(mistake_in("1s1s") == "the units of \"1s1s\" are not in order; write each once, from large to small");
}

TEST_CASE("a number becomes a duration in seconds") {
  CHECK(*duration_from_seconds(0) == 0s);
  CHECK(*duration_from_seconds(0.3) == 300ms);
  CHECK(*duration_from_seconds(3600) == 1h);
  CHECK(*duration_from_seconds(3153600000.0) == drover::kLongestDuration);
}

TEST_CASE("a number that is no time is refused with the reason") {
  CHECK(duration_from_seconds(-1).mistake() == "-1 is negative; a duration is 0 or more");
  CHECK(duration_from_seconds(1e30).mistake() == "1e+30 is too long a time; the longest is 36500d");
  using Reals = std::numeric_limits<double>;
  CHECK(duration_from_seconds(Reals::infinity()).mistake() ==
        "inf is too long a time; the longest is 36500d");
  CHECK(duration_from_seconds(Reals::quiet_NaN()).mistake() ==
        "nan is not a duration; write it like 300ms, 10s or 1h30m");
}

TEST_CASE("a duration is shown in the unit that a reader cares for") {
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(999ns) == "999ns");
  CHECK(format_duration(850us) == "850us");
  CHECK(format_duration(450ms) == "450ms");
  CHECK(format_duration(1s) == "1.0s");
  CHECK(format_duration(3240ms) == "3.2s");
  CHECK(format_duration(42s) == "42.0s");
  CHECK(format_duration(125s) == "2m05s");
  CHECK(format_duration(62min) == "1h02m");
  CHECK(format_duration(76h) == "3d04h");
  CHECK(format_duration(drover::kLongestDuration) == "36500d00h");
}

TEST_CASE("rounding a shown duration never leaves a full unit over") {
  CHECK(format_duration(999'499ns) == "999us");
  CHECK(format_duration(999'500ns) == "1ms");
  CHECK(format_duration(999'499us) == "999ms");
  CHECK(format_duration(999'500us) == "1.0s");
  CHECK(format_duration(59'949ms) == "59.9s");
  CHECK(format_duration(59'950ms) == "1m00s");
  CHECK(format_duration(59min + 59'400ms) == "59m59s");
  CHECK(format_duration(59min + 59'500ms) == "1h00m");
  CHECK(format_duration(23h + 59min + 30s) == "1d00h");
}

TEST_CASE("a negative duration is shown with its sign, even the lowest one") {
  CHECK(format_duration(-450ms) == "-450ms");
  CHECK(format_duration(Duration::min()) == "-106752d00h");
}

TEST_CASE("what is shown of a duration can be read again") {
  for (std::int64_t ns = 1; ns < drover::kLongestDuration.count() / 7; ns = ns * 7 + 3) {
    const std::string shown = format_duration(Duration(ns));
    CAPTURE(shown);
    CHECK(format_duration(parsed(shown)) == shown);
  }
}
