// Any bytes are refused by a DecodeError, or are a value that encodes to the same bytes; where order is free,
// as in maps, to bytes that come back as they are.
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <drover/codec.hpp>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

using namespace drover;

namespace {

enum class Truth : bool { No, Yes };
enum class Level : std::int16_t { Low, High };
enum Color { kRed = 2, kBlue = 9 };
struct Empty {};
struct Point {
  double x, y;
};
struct Padded {
  bool flag;
  int number;
  Truth truth;
};
struct Old {
  char name[16];
  bool flags[3];
  std::string texts[2];
  Level level;
};
struct Node {
  Level level;
  std::vector<Node> children;
};
struct Tree {
  std::unique_ptr<Tree> left;
  std::variant<std::monostate, int, std::vector<Tree>> value;
  std::optional<std::string> label;
};
struct Small {
  std::vector<Padded> padded;
  std::tuple<char, std::pair<bool, std::string>> tuple;
  std::complex<float> complex;
  std::chrono::milliseconds time;
  std::filesystem::path path;
  std::bitset<11> bits;
  Color color;
};

}  // namespace

template <>
struct drover::Codec<Color> : drover::EnumCodec<Color, kRed, kBlue> {};

namespace {

template <class T>
std::string encode(const T& value) {
  detail::SmallBuffer buffer;
  Encoder(buffer).value(value);
  return std::string(buffer.view());
}
template <class T>
T decode(std::string_view bytes) {
  Decoder decoder(bytes);
  T value = decoder.value<T>();
  decoder.finish();
  return value;
}
void require(bool condition) {
  if (!condition) std::abort();
}

template <class T>
void same_bytes(std::string_view bytes) {
  require(encode(decode<T>(bytes)) == bytes);
}
template <class T>
void same_value(std::string_view bytes) {
  const T value = decode<T>(bytes);
  require(decode<T>(encode(value)) == value);
}

constexpr void (*kChecks[])(std::string_view) = {
    same_bytes<Small>,
    same_bytes<Old>,
    same_bytes<Node>,
    same_bytes<Tree>,
    same_bytes<std::string>,
    same_bytes<std::u16string>,
    same_bytes<std::vector<Point>>,
    same_bytes<std::vector<bool>>,
    same_bytes<std::vector<std::vector<Empty>>>,
    same_bytes<std::vector<std::string>>,
    same_bytes<std::deque<std::optional<Empty>>>,
    same_bytes<std::list<std::array<Padded, 2>>>,
    same_bytes<std::forward_list<std::tuple<>>>,
    same_value<std::map<std::string, std::set<int>>>,
    same_value<std::multiset<std::string>>,
    same_value<std::unordered_map<std::string, std::vector<int>>>,
    same_value<std::unordered_multimap<int, bool>>,
    same_value<std::unordered_set<std::string>>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    kChecks[data[0] % std::size(kChecks)]({reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const DecodeError&) {
  }
  return 0;
}
