#include "common/value.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "common/wire.hpp"

using drover::decode_values;
using drover::encode_values;
using drover::Value;

namespace {

std::vector<Value> round_trip(const std::vector<Value>& values) {
  std::vector<Value> back{Value("left over from before")};
  REQUIRE(decode_values(encode_values(values), back));
  return back;
}

const std::vector<Value> kOneOfEach{Value(true), Value(false), Value(std::int64_t{-7}), Value(0.125),
                                    Value(std::string("text"))};

}  // namespace

TEST_CASE("values come back as they were, with their types") {
  CHECK(round_trip({}).empty());
  CHECK(round_trip(kOneOfEach) == kOneOfEach);
  const std::vector<Value> alike{Value(true), Value(std::int64_t{1}), Value(1.0), Value(std::string("1"))};
  CHECK(round_trip(alike) == alike);
}

TEST_CASE("the extremes of each type survive") {
  using Integers = std::numeric_limits<std::int64_t>;
  using Reals = std::numeric_limits<double>;
  const std::vector<Value> extremes{Value(Integers::min()), Value(Integers::max()),
                                    Value(Reals::lowest()), Value(Reals::infinity()),
                                    Value(std::string()),   Value(std::string("a\0b\n\xff", 5))};
  CHECK(round_trip(extremes) == extremes);
  const std::vector<Value> zero_and_nan = round_trip({Value(-0.0), Value(Reals::quiet_NaN())});
  CHECK(std::signbit(std::get<double>(zero_and_nan[0])));
  CHECK(std::isnan(std::get<double>(zero_and_nan[1])));
}

TEST_CASE("a list of values that is cut anywhere is refused") {
  const std::string bytes = encode_values(kOneOfEach);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::vector<Value> values;
    CAPTURE(size);
    CHECK_FALSE(decode_values(std::string_view(bytes).substr(0, size), values));
  }
}

TEST_CASE("a list of values with something after it is refused") {
  std::vector<Value> values;
  CHECK_FALSE(decode_values(encode_values(kOneOfEach) + '\0', values));
}

TEST_CASE("an unknown type of value is refused") {
  drover::WireWriter out;
  out.put(std::uint32_t{1});
  out.put(std::uint8_t{4});
  out.put(std::int64_t{0});
  std::vector<Value> values;
  CHECK_FALSE(decode_values(out.bytes(), values));
}

TEST_CASE("a boolean that is neither 0 nor 1 is refused") {
  std::string bytes = encode_values({Value(true)});
  REQUIRE(bytes.back() == '\1');
  bytes.back() = '\2';
  std::vector<Value> values;
  CHECK_FALSE(decode_values(bytes, values));
}

TEST_CASE("a count of values that the bytes cannot hold reserves no memory and is refused") {
  drover::WireWriter out;
  out.put(std::numeric_limits<std::uint32_t>::max());
  out.put(std::uint8_t{0});
  out.put(std::uint8_t{1});
  std::vector<Value> values;
  CHECK_FALSE(decode_values(out.bytes(), values));
  CHECK(values.capacity() < 1000);
}
