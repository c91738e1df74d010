// What is passed to submit, and what the function's parameter is given.
#include <drover/detail/arguments.hpp>

#include <doctest/doctest.h>

#include <array>
#include <numeric>

#include "tests/common/shared_memory_fixture.hpp"

namespace drover::test {
namespace {

using detail::decode_argument;
using detail::pass;

// What a function with a parameter Param is given for `argument`, told by `look`.
template <class Param, class Arg, class Look>
auto through(const Arg& argument, Look look) {
  Sent sent;
  sent.encode<Param>(argument);
  Decoder decoder = sent.decoder();
  auto wire = decode_argument<Param>(decoder);
  decoder.finish();
  return look(pass<Param>(wire), sent.segments.size());
}

struct Band {
  int row = 0;
  SharedArray<int> pixels;
};

template <class T, std::size_t N>
std::vector<std::remove_const_t<T>> list(std::span<T, N> elements) {
  return {elements.begin(), elements.end()};
}

template <class Param>
using Passed = decltype(pass<Param>(std::declval<typename detail::Parameter<Param>::Wire&>()));
static_assert(std::is_same_v<Passed<std::string>, std::string&&>);
static_assert(std::is_same_v<Passed<std::string&&>, std::string&&>);
static_assert(std::is_same_v<Passed<const std::string&>, const std::string&>);
static_assert(std::is_same_v<Passed<std::span<int>>, std::span<int>>);
static_assert(std::is_same_v<Passed<const std::span<const int, 3>&>, std::span<const int, 3>>);
static_assert(std::is_same_v<Passed<SharedArray<const int>>, SharedArray<const int>&&>);

}  // namespace

TEST_CASE("an argument is converted to the parameter's type before it is sent") {
  CHECK(through<double>(3, [](double value, auto) { return value; }) == 3.0);
  CHECK(through<const std::string&>("text", [](const std::string& value, auto) { return value; }) == "text");
  CHECK(through<std::string>(std::string_view("a\0b", 3),
                             [](std::string value, auto) { return value.size(); }) == 3);
  CHECK(through<std::unique_ptr<int>>(std::make_unique<int>(4), [](auto&& value, auto) {
          const std::unique_ptr<int> mine = std::move(value);
          return *mine;
        }) == 4);
}

TEST_CASE("a vector parameter takes what a span views") {
  const std::array<int, 3> values{1, 2, 3};
  CHECK(through<std::vector<int>>(std::span(values), [](auto&& value, auto) { return value; }) ==
        std::vector{1, 2, 3});
}

TEST_CASE("a span to read is given shared memory without a copy, read-only") {
  auto array = SharedArray<int>::copy_of(std::array{1, 2, 3, 4});
  Sent sent;
  sent.encode<std::span<const int>>(array.slice(1, 2));
  REQUIRE(sent.segments.size() == 1);
  CHECK_FALSE(sent.segments[0]->writable());
  CHECK(sent.bytes.size() <= 64);
  Decoder decoder = sent.decoder();
  auto wire = decode_argument<std::span<const int>>(decoder);
  const std::span<const int> there = pass<std::span<const int>>(wire);
  CHECK(list(there) == std::vector{2, 3});
  array[1] = 20;
  CHECK(there[0] == 20);
  CHECK(through<std::span<const int>>(array.read_only(), [](auto span, auto sent_segments) {
    return sent_segments == 1 && span.size() == 4;
  }));
}

TEST_CASE("a span to read is given a copy of what any range holds") {
  const auto look = [](std::span<const int> span, std::size_t segments) {
    CHECK(segments == 0);
    return list(span);
  };
  const int plain[] = {1, 2, 3};
  const std::vector expected{1, 2, 3};
  CHECK(through<std::span<const int>>(expected, look) == expected);
  CHECK(through<std::span<const int>>(std::array{1, 2, 3}, look) == expected);
  CHECK(through<std::span<const int>>(plain, look) == expected);
  CHECK(through<std::span<const int>>(std::initializer_list<int>{1, 2, 3}, look) == expected);
  CHECK(through<const std::span<const int>&>(std::span(plain), look) == expected);
  CHECK(through<std::span<const int>>(std::vector<int>(), look).empty());
}

TEST_CASE("a span to read may be of elements that cannot be shared") {
  const std::vector<std::string> words{"one", "two"};
  CHECK(through<std::span<const std::string>>(words, [](auto span, auto) { return list(span); }) == words);
}

TEST_CASE("a span of bool travels in a shared array") {
  const auto flags = SharedArray<bool>::copy_of(std::array{true, false, true});
  CHECK(through<std::span<const bool>>(flags, [](auto span, auto) { return list(span); }) ==
        std::vector{true, false, true});
}

TEST_CASE("a span to write is the array itself") {
  SharedArray<int> array(4);
  through<std::span<int>>(array.slice(2, 2), [](std::span<int> span, std::size_t) {
    span[1] = 7;
    return 0;
  });
  CHECK(array[3] == 7);
}

TEST_CASE("a shared array parameter is the array itself, and read-only if it is one of constants") {
  SharedArray<int> array(4);
  through<SharedArray<int>>(array, [](SharedArray<int> there, std::size_t) { return there[2] = 5; });
  CHECK(array[2] == 5);
  CHECK(through<const SharedArray<const int>&>(
            array, [](const SharedArray<const int>& there, std::size_t) { return there[2]; }) == 5);
}

TEST_CASE("a shared array may be a member of what is sent") {
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  const int row =
      through<const Band&>(Band{1, array.slice(1, 2)}, [](const Band& band, std::size_t segments) {
        band.pixels[0] = 20;
        return segments == 1 ? band.row : -1;
      });
  CHECK(row == 1);
  CHECK(array[1] == 20);
}

TEST_CASE("a span of a fixed extent takes as many elements") {
  const SharedArray<int> array(4);
  CHECK(through<std::span<int, 4>>(array, [](auto span, auto) { return list(span).size(); }) == 4);
  CHECK(through<std::span<const int, 4>>(array, [](auto span, auto) { return list(span).size(); }) == 4);
  Sent sent;
  CHECK_THROWS_AS((sent.encode<std::span<int, 3>>(array)), std::length_error);
  CHECK_THROWS_AS((sent.encode<std::span<const int, 3>>(array)), std::length_error);
  CHECK_THROWS_AS((sent.encode<std::span<const int, 3>>(std::vector{1, 2})), std::length_error);
  sent.encode<std::span<const int>>(array);
  Decoder reads = sent.decoder();
  CHECK_THROWS_AS((void)(decode_argument<std::span<const int, 3>>(reads)), DecodeError);
  Sent writable;
  writable.encode<std::span<int>>(array);
  Decoder writes = writable.decoder();
  CHECK_THROWS_AS((void)(decode_argument<std::span<int, 3>>(writes)), DecodeError);
}

TEST_CASE("a span that comes in a way that its elements do not allow is refused") {
  const auto refused = []<class Param>(std::type_identity<Param>, std::uint64_t way) {
    detail::SmallBuffer bytes;
    Encoder encoder(bytes);
    encoder.count(way);
    for (int i = 0; i < 4; ++i) encoder.count(0);
    Decoder decoder(bytes.view());
    try {
      (void)decode_argument<Param>(decoder);
      return false;
    } catch (const DecodeError&) {
      return true;
    }
  };
  CHECK_FALSE(refused(std::type_identity<std::span<const int>>(), 0));
  CHECK(refused(std::type_identity<std::span<const int>>(), 2));
  CHECK(refused(std::type_identity<std::span<const bool>>(), 0));
  CHECK(refused(std::type_identity<std::span<const std::string>>(), 1));
}

}  // namespace drover::test
