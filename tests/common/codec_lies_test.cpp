// Bytes that no encoder wrote: they are refused, or are some value; nothing is read that is not there, and
// nothing is allocated that they cannot pay for.
#include <doctest/doctest.h>

#include <algorithm>
#include <bitset>
#include <chrono>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tests/common/codec_fixture.hpp"

using namespace drover;

namespace {

struct Empty {};
struct Node {
  int value = 0;
  std::vector<Node> children;
};
enum class Truth : bool { No, Yes };
enum class Level : int { Low, High };
// A byte when encoded, a kilobyte in memory.
using Swollen = std::variant<std::monostate, std::array<char, 1024>>;

struct Everything {
  bool flag = true;
  Truth truth = Truth::Yes;
  Level level = Level::High;
  std::string text = "some text";
  std::vector<double> numbers{1, 2, 3};
  std::vector<bool> bits{true, false, true};
  std::deque<std::string> words{"a", "b"};
  std::map<std::string, std::vector<int>> map{{"a", {1, 2}}, {"b", {}}};
  std::multimap<int, std::string> again{{1, "one"}, {1, "uno"}};
  std::variant<int, std::string> variant = "text";
  std::optional<std::pair<int, bool>> pair = std::pair(1, true);
  std::unique_ptr<Node> node = std::make_unique<Node>(Node{1, {{2, {}}}});
  std::filesystem::path path = "/some/path";
  std::bitset<5> five{3};
  char letters[4] = {};
  long double precise = 1.5L;
};

std::size_t largest_request = 0;

template <class T>
struct Watched {
  using value_type = T;
  Watched() = default;
  template <class U>
  explicit(false) Watched(const Watched<U>&) {}
  T* allocate(std::size_t n) {
    largest_request = std::max(largest_request, n * sizeof(T));
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* at, std::size_t n) { std::allocator<T>().deallocate(at, n); }
  bool operator==(const Watched&) const = default;
};

template <class T>
void refused(std::string_view bytes) {
  CHECK_THROWS_AS(decoded<T>(bytes), DecodeError);
}

constexpr std::uint64_t kMany = std::uint64_t{1} << 60;

}  // namespace

TEST_CASE("bytes that are no value of their type are refused") {
  refused<bool>(bytes_of({2}));
  refused<bool>(bytes_of({255}));
  refused<Truth>(bytes_of({2}));
  refused<std::optional<int>>(bytes_of({2, 0, 0, 0, 0}));
  refused<std::unique_ptr<int>>(bytes_of({3, 0, 0, 0, 0}));
  refused<std::vector<std::array<bool, 2>>>(bytes_of({1, 0, 7}));
  refused<std::variant<int, char>>(bytes_of({2, 0, 0, 0, 0}));
  refused<std::variant<int, char>>(count_of(kMany));
  refused<std::bitset<5>>(bytes_of({32}));
  refused<std::vector<bool>>(bytes_of({3, 8}));
  refused<std::set<int>>(bytes_of({2, 1, 0, 0, 0, 1, 0, 0, 0}));
  refused<std::unordered_map<char, char>>(bytes_of({2, 'a', 1, 'a', 2}));
}

TEST_CASE("counts are refused unless in their shortest form and of 64 bits") {
  const auto count = [](const std::string& bytes) {
    Decoder decoder(bytes);
    const std::uint64_t number = decoder.count();
    decoder.finish();
    return number;
  };
  CHECK_THROWS_AS(count(bytes_of({0x80, 0})), DecodeError);
  CHECK_THROWS_AS(count(bytes_of({0x80})), DecodeError);
  CHECK_THROWS_AS(count(""), DecodeError);
  CHECK_THROWS_AS(count(std::string(9, '\xff') + '\2'), DecodeError);
  CHECK_THROWS_AS(count(std::string(10, '\xff') + '\1'), DecodeError);
  CHECK(count(std::string(9, '\xff') + '\1') == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("what is cut off anywhere is refused, and so is what has too much") {
  const std::string whole = encoded(Everything());
  for (std::size_t size = 0; size < whole.size(); ++size) refused<Everything>(whole.substr(0, size));
  CHECK(decoded<Everything>(whole).words.size() == 2);
  CHECK_THROWS_WITH_AS(decoded<Everything>(whole + "x"), "drover: expected the end, 1 more bytes follow",
                       DecodeError);
}

TEST_CASE("an error says what was expected") {
  CHECK_THROWS_WITH_AS(decoded<int>("abc"), "drover: expected 4 more bytes, 3 are left", DecodeError);
  CHECK_THROWS_WITH_AS(decoded<bool>("\7"), "drover: expected a bool, 0 or 1, found 7", DecodeError);
  CHECK_THROWS_WITH_AS(decoded<std::vector<int>>("\3abcd"), "drover: expected 3 elements, 4 bytes are left",
                       DecodeError);
}

TEST_CASE("a count that its bytes cannot pay for is refused before anything is allocated") {
  largest_request = 0;
  for (const std::uint64_t count : {std::uint64_t{3}, kMany, std::numeric_limits<std::uint64_t>::max()}) {
    const std::string bytes = count_of(count) + "xy";
    refused<std::vector<char, Watched<char>>>(bytes);
    refused<std::vector<double, Watched<double>>>(bytes);
    refused<std::vector<bool, Watched<bool>>>(count_of(count < 4 ? 17 : count) + "xy");
    refused<std::vector<std::string, Watched<std::string>>>(bytes);
    refused<std::basic_string<char, std::char_traits<char>, Watched<char>>>(bytes);
    refused<std::basic_string<char16_t, std::char_traits<char16_t>, Watched<char16_t>>>(bytes);
    refused<std::deque<char>>(bytes);
    refused<std::list<char, Watched<char>>>(bytes);
    refused<std::forward_list<char, Watched<char>>>(bytes);
    refused<std::set<char, std::less<>, Watched<char>>>(bytes);
    refused<std::unordered_map<char, char>>(bytes);
    refused<std::filesystem::path>(bytes);
  }
  CHECK(largest_request == 0);
}

TEST_CASE("elements that grow when decoded get room as they come") {
  largest_request = 0;
  refused<std::vector<Swollen, Watched<Swollen>>>(count_of(100'000) + std::string(100, '\0') +
                                                  std::string(99'900, '\2'));
  CHECK(largest_request <= 512 * sizeof(Swollen));
  CHECK(decoded<std::vector<Swollen>>(count_of(100) + std::string(100, '\0')).size() == 100);
}

TEST_CASE("elements without bytes are counted over the whole message") {
  CHECK(decoded<std::vector<Empty>>(count_of(65536)).size() == 65536);
  CHECK(there_and_back(std::vector<Empty>(65536)).size() == 65536);
  refused<std::vector<Empty>>(count_of(65537));
  refused<std::list<Empty>>(count_of(kMany));
  refused<std::forward_list<std::tuple<>>>(count_of(kMany));
  refused<std::deque<std::array<Empty, 3>>>(count_of(kMany));
  refused<std::vector<std::vector<Empty>>>(count_of(2) + count_of(40'000) + count_of(40'000));
  CHECK_THROWS_AS(encoded(std::vector<Empty>(65537)), NotTransportable);
  CHECK_THROWS_AS(encoded(std::vector<std::vector<Empty>>(2, std::vector<Empty>(40'000))), NotTransportable);
}

TEST_CASE("random bytes, many seeds: refused, or a value that is encoded again") {
  std::mt19937 random(12);
  const std::string whole = encoded(Everything());
  int values = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (auto changes = random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
    if (random() % 4 == 0) bytes.erase(random() % bytes.size(), random() % 8);
    try {
      const auto value = decoded<Everything>(bytes);
      CHECK(encoded(decoded<Everything>(encoded(value))) == encoded(value));
      ++values;
    } catch (const DecodeError&) {
    }
  }
  CHECK(values > 1000);
  CHECK(values < 19'000);
}
