// A Codec of one's own always wins, whatever it is for.
#include <doctest/doctest.h>

#include <concepts>
#include <string>
#include <vector>

#include "tests/common/codec_fixture.hpp"

using namespace drover;

namespace {

struct Celsius {
  double degrees;
};
template <class T>
struct Matrix {
  T* cells = nullptr;
};
struct Message {
  virtual ~Message() = default;
  int number = 0;
};
struct Greeting : Message {};
enum Color { Red = 1, Green, Blue };
struct Special {
  int number = 0;
};
struct Lacking {};
struct Json {
  std::vector<Json> children;
};
struct Greedy {
  Greedy() = default;
  template <class T>
  Greedy(const T&) {}
  std::string text;
};

template <class T>
struct Begins {
  T member;
};
template <class T>
struct Two {
  std::string name;
  T one, other;
};

}  // namespace

template <>
struct drover::Codec<Celsius> {
  static void encode(Encoder& out, const Celsius& value) { out.value(static_cast<int>(value.degrees * 10)); }
  static Celsius decode(Decoder& in) { return {in.value<int>() / 10.0}; }
};
template <class T>
struct drover::Codec<Matrix<T>> {
  static void encode(Encoder& out, const Matrix<T>&) { out.value(T()); }
  static Matrix<T> decode(Decoder& in) { return in.value<T>(), Matrix<T>(); }
};
template <std::derived_from<Message> T>
struct drover::Codec<T> {
  static void encode(Encoder& out, const T& message) { out.value(message.number); }
  static T decode(Decoder& in) {
    T message;
    message.number = in.value<int>();
    return message;
  }
};
template <>
struct drover::Codec<Color> : drover::EnumCodec<Color, Red, Blue> {};
template <>
struct drover::Codec<std::vector<Special>> {
  static void encode(Encoder& out, const std::vector<Special>& all) { out.count(all.size()); }
  static std::vector<Special> decode(Decoder& in) { return std::vector<Special>(in.count()); }
};
template <>
struct drover::Codec<Greedy> {
  static void encode(Encoder& out, const Greedy& greedy) { out.value(greedy.text); }
  static Greedy decode(Decoder& in) {
    Greedy greedy;
    greedy.text = in.value<std::string>();
    return greedy;
  }
};
template <>
struct drover::Codec<Lacking> {
  static void encode(Encoder&, const Lacking&) {}
};
template <>
struct drover::Codec<Json> {
  static void encode(Encoder& out, const Json& json) { out.value(json.children); }
  static Json decode(Decoder& in) { return {in.value<std::vector<Json>>()}; }
};

TEST_CASE("a Codec of one's own wins, for a type, a family, a concept and a container") {
  CHECK(encoded(Celsius{36.6}).size() == 4);
  CHECK(there_and_back(Celsius{36.5}).degrees == 36.5);
  CHECK(there_and_back(Two<Celsius>{"two", {1}, {2}}).other.degrees == 2);
  CHECK(encoded(std::vector<Celsius>(10)).size() == 41);
  CHECK(encoded(Matrix<double>()).size() == 8);
  Greeting greeting;
  greeting.number = 5;
  CHECK(there_and_back(greeting).number == 5);
  CHECK(there_and_back(std::vector<Color>{Red, Blue}) == std::vector<Color>{Red, Blue});
  CHECK(encoded(std::vector<Special>(100)).size() == 1);
  CHECK(there_and_back(std::vector<Special>(100)).size() == 100);
}

TEST_CASE("a member that is made from anything is no base") {
  Begins<Greedy> value;
  value.member.text = "kept";
  CHECK(there_and_back(value).member.text == "kept");
}

TEST_CASE("an enum without a fixed type is held to its range") {
  CHECK_THROWS_AS(decoded<Color>(bytes_of({0, 0, 0, 0})), DecodeError);
  CHECK_THROWS_AS(decoded<Color>(bytes_of({4, 0, 0, 0})), DecodeError);
  CHECK(decoded<Color>(bytes_of({3, 0, 0, 0})) == Blue);
}

TEST_CASE("values with a Codec of their own nest no deeper than others") {
  const std::string deep(100'000, '\1');
  CHECK_THROWS_WITH_AS(decoded<Json>(deep), doctest::Contains("nested too deep"), DecodeError);
  CHECK(there_and_back(std::vector<Json>(10'000)).size() == 10'000);
}

static_assert(!detail::kBitwise<Celsius> && !detail::kBitwise<Begins<Celsius>> && !Transportable<Lacking>);
