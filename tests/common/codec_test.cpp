// What the standard library offers travels and comes back equal; types that cannot are known as such.
#include <doctest/doctest.h>

#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <tuple>
#include <typeindex>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "tests/common/codec_fixture.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

enum Open { kOpen };
enum Fixed : unsigned char { kFixed = 200 };
enum class Scoped : std::int64_t { Far = -5 };
enum class Truth : bool { No, Yes };
struct Base {
  virtual ~Base() = default;
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual void run() = 0;
};
struct Declared;
union Either {
  int number;
  float real;
};

int explode() {
  throw 1;
}
struct Bomb {
  int fuse = explode();
  std::string text;
};

template <class T>
bool same_after_trip(const T& value) {
  return there_and_back(value) == value;
}

}  // namespace

TEST_CASE("numbers, characters and enums travel, each in as many bytes as it has") {
  CHECK(encoded(7).size() == 4);
  CHECK(encoded(true).size() == 1);
  CHECK(encoded(1.5).size() == 8);
  CHECK(encoded(kFixed).size() == 1);
  CHECK(same_after_trip(std::numeric_limits<std::int64_t>::min()));
  CHECK(same_after_trip(std::numeric_limits<std::uint64_t>::max()));
  CHECK(same_after_trip(-0.1F));
  CHECK(same_after_trip(std::numeric_limits<long double>::max()));
  CHECK(same_after_trip(false));
  CHECK(same_after_trip(std::byte{255}));
  CHECK(same_after_trip('\xff'));
  CHECK(same_after_trip(u8'a'));
  CHECK(same_after_trip(L'\u20ac'));
  CHECK(same_after_trip(kFixed));
  CHECK(same_after_trip(Scoped::Far));
  CHECK(same_after_trip(Truth::Yes));
}

TEST_CASE("numbers of counts are as short as can be") {
  CHECK(count_of(0).size() == 1);
  CHECK(count_of(127).size() == 1);
  CHECK(count_of(128).size() == 2);
  CHECK(count_of(std::numeric_limits<std::uint64_t>::max()).size() == 10);
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                     std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()}) {
    const std::string bytes = count_of(number);
    CHECK(Decoder(bytes).count() == number);
  }
}

TEST_CASE("strings travel with whatever bytes they hold") {
  CHECK(same_after_trip(std::string()));
  CHECK(same_after_trip(std::string("a\0b\xff", 4)));
  CHECK(same_after_trip(std::string(100'000, 'x')));
  CHECK(same_after_trip(std::u16string(u"\u20ac")));
  CHECK(same_after_trip(std::wstring(L"wide")));
  CHECK(same_after_trip(std::pmr::string("another allocator")));
  CHECK(same_after_trip(std::filesystem::path("/a path/with\nlines")));
}

TEST_CASE("sequences travel") {
  CHECK(same_after_trip(std::vector<double>{1, 2, 3}));
  CHECK(same_after_trip(std::vector<double>()));
  CHECK(same_after_trip(std::vector<std::string>{"a", "", "c"}));
  CHECK(same_after_trip(std::vector<std::vector<int>>{{1}, {}, {2, 3}}));
  CHECK(same_after_trip(std::deque<int>{1, 2, 3}));
  CHECK(same_after_trip(std::list<std::string>{"a", "b"}));
  CHECK(same_after_trip(std::forward_list<int>{1, 2, 3}));
  CHECK(same_after_trip(std::array<int, 3>{1, 2, 3}));
  CHECK(same_after_trip(std::array<std::string, 2>{"a", "b"}));
  CHECK(same_after_trip(std::array<std::string, 0>{}));
  CHECK(same_after_trip(std::array<bool, 2>{true, false}));
  CHECK(encoded(std::array<int, 3>{}).size() == 12);
  CHECK(encoded(std::vector<double>(100)).size() == 801);
}

TEST_CASE("bits travel eight in a byte") {
  for (const std::size_t size : {0, 1, 7, 8, 9, 16, 1001}) {
    std::vector<bool> bits(size);
    for (std::size_t i = 0; i < size; i += 3) bits[i] = true;
    CHECK(same_after_trip(bits));
    CHECK(encoded(bits).size() == count_of(size).size() + (size + 7) / 8);
  }
  CHECK(same_after_trip(std::bitset<13>("1010011101110")));
  CHECK(same_after_trip(std::bitset<64>(0x8000'0000'0000'0001)));
  CHECK(encoded(std::bitset<0>()).empty());
}

TEST_CASE("sets and maps travel, and keep the order of equal keys") {
  CHECK(same_after_trip(std::set<std::string>{"b", "a"}));
  CHECK(same_after_trip(std::set<int, std::greater<>>{1, 2, 3}));
  CHECK(same_after_trip(std::multiset<int>{1, 1, 2}));
  CHECK(same_after_trip(std::unordered_set<int>{5, 6, 7}));
  CHECK(same_after_trip(std::unordered_multiset<int>{5, 5, 7}));
  CHECK(same_after_trip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}}));
  CHECK(same_after_trip(std::multimap<int, std::string>{{1, "first"}, {1, "second"}, {1, "a third"}}));
  CHECK(same_after_trip(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}}));
  CHECK(same_after_trip(std::unordered_multimap<int, int>{{1, 2}, {1, 3}}));
}

TEST_CASE("optional, variant, tuple and pair travel") {
  CHECK(same_after_trip(std::optional<int>()));
  CHECK(same_after_trip(std::optional<std::string>("here")));
  CHECK(same_after_trip(std::optional<std::optional<int>>(std::optional<int>())));
  using Variant = std::variant<std::monostate, int, std::string, int>;
  CHECK(same_after_trip(Variant()));
  CHECK(same_after_trip(Variant(std::in_place_index<2>, "text")));
  CHECK(there_and_back(Variant(std::in_place_index<3>, 7)).index() == 3);
  CHECK(same_after_trip(std::tuple<>()));
  CHECK(same_after_trip(std::tuple<std::tuple<int>>(std::tuple<int>(3))));
  CHECK(same_after_trip(std::tuple(1, std::string("b"), 2.5)));
  CHECK(same_after_trip(std::pair(std::string("a"), true)));
  CHECK(same_after_trip(std::pair<const int, const std::string>(1, "a")));
}

TEST_CASE("a unique_ptr travels with what it points to") {
  const auto back = there_and_back(std::make_unique<std::string>("inside"));
  REQUIRE(back);
  CHECK(*back == "inside");
  CHECK_FALSE(there_and_back(std::unique_ptr<std::string>()));
  std::vector<std::unique_ptr<int>> pointers;
  pointers.push_back(std::make_unique<int>(4));
  CHECK(*there_and_back(pointers).at(0) == 4);
}

TEST_CASE("times and complex numbers travel") {
  CHECK(same_after_trip(15ms));
  CHECK(same_after_trip(std::chrono::duration<double, std::ratio<60>>(0.5)));
  CHECK(same_after_trip(std::chrono::steady_clock::now()));
  CHECK(same_after_trip(std::chrono::year(2026) / 11 / 21));
  CHECK(same_after_trip(std::complex<double>(1, -2)));
  CHECK(same_after_trip(std::complex<long double>(1, -2)));
  CHECK(encoded(std::vector<std::complex<float>>(10)).size() == 81);
}

TEST_CASE("views can be sent, and arrive as what holds its own") {
  const std::vector<int> numbers{1, 2, 3};
  const bool truths[] = {true, false, true};
  CHECK(decoded<std::string>(encoded(std::string_view("text"))) == "text");
  CHECK(decoded<std::vector<int>>(encoded(std::span<const int>(numbers))) == numbers);
  CHECK(decoded<std::vector<bool>>(encoded(std::span<const bool>(truths))) ==
        std::vector<bool>{true, false, true});
}

TEST_CASE("short values need no memory of their own") {
  detail::SmallBuffer buffer;
  const char* const place = buffer.data();
  Encoder encoder(buffer);
  encoder.value(1);
  encoder.value(std::string_view("short"));
  encoder.value(std::optional<double>(3));
  CHECK(buffer.data() == place);
}

TEST_CASE("a variant that lost its value is not sent") {
  std::variant<std::string, Bomb> variant;
  CHECK_THROWS_AS(variant.emplace<1>(), int);
  REQUIRE(variant.valueless_by_exception());
  CHECK_THROWS_AS(encoded(variant), NotTransportable);
}

TEST_CASE("shared memory goes only where attachments can go, each piece once") {
  const auto segment = std::shared_ptr<detail::SharedSegment>(nullptr, [](detail::SharedSegment*) {});
  detail::SmallBuffer buffer;
  CHECK_THROWS_AS(Encoder(buffer).attach(segment), NotTransportable);
  std::vector<std::shared_ptr<detail::SharedSegment>> attachments;
  Encoder encoder(buffer, &attachments);
  encoder.attach(segment);
  encoder.attach(segment);
  CHECK(attachments.size() == 1);
  CHECK(Decoder("").segments() == nullptr);
}

static_assert(Transportable<int> && Transportable<const int> &&
              Transportable<std::vector<std::map<int, std::string>>>);
static_assert(!Transportable<void> && !Transportable<int&> && !Transportable<const std::string&>);
static_assert(!Transportable<int*> && !Transportable<const char*> && !Transportable<std::nullptr_t>);
static_assert(!Transportable<int Base::*> && !Transportable<void (*)()> && !Transportable<void()>);
static_assert(!Transportable<int[3]> && !Transportable<int[]> && !Transportable<volatile int>);
static_assert(!Transportable<Open> && !Transportable<std::vector<Open>>);
static_assert(!Transportable<Base> && !Transportable<Abstract> && !Transportable<Declared> &&
              !Transportable<Either>);
static_assert(!Transportable<std::function<void()>> && !Transportable<std::shared_ptr<int>>);
static_assert(!Transportable<std::string_view> && !Transportable<std::span<const int>>);
static_assert(!Transportable<std::optional<std::string_view>> && !Transportable<std::map<int, int*>>);
static_assert(!Transportable<std::tuple<int, int&>> &&
              !Transportable<std::variant<int, std::shared_ptr<int>>>);
static_assert(!Transportable<std::unique_ptr<Base>> && !Transportable<std::unique_ptr<int[]>>);
static_assert(!Transportable<std::unique_ptr<int, void (*)(int*)>> &&
              !Transportable<std::reference_wrapper<int>>);
static_assert(!Transportable<std::mutex> && !Transportable<std::atomic<int>> && !Transportable<std::thread>);
static_assert(!Transportable<std::error_code> && !Transportable<std::type_index>);
static_assert(!Transportable<std::vector<int>::iterator> && !Transportable<std::initializer_list<int>>);
