// Structs travel without a word said about them.
#include <doctest/doctest.h>

#include <any>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <variant>
#include <vector>

#include "tests/common/codec_fixture.hpp"

using namespace drover;

namespace {

struct Point {
  double x, y;
  bool operator==(const Point&) const = default;
};
struct Padded {
  char letter;
  int number;
};
struct Shot {
  int frame = 0;
  std::string scene;
  std::vector<Point> camera;
  std::optional<Point> target;
  bool operator==(const Shot&) const = default;
};
struct Empty {
  bool operator==(const Empty&) const = default;
};
struct OtherEmpty {};
struct WithBases : Empty, OtherEmpty {
  int number;
  std::string text;
};
struct Wrapper {
  Shot only;
  bool operator==(const Wrapper&) const = default;
};
struct OldStyle {
  char path[4096];
  int table[2][3];
  std::string names[2];
  unsigned flags : 3;
  bool ready : 1;
};
struct Bits {
  unsigned small : 3;
  int large : 20;
  std::string text;
};
struct Constant {
  const int number;
  const std::string text;
};
class NoDefault {
 public:
  explicit NoDefault(int number) : number_(number) {}
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};
struct Given {
  std::optional<std::string> first;
  NoDefault second;
  std::variant<int, std::string> third;
  Point fourth;
  std::array<int, 3> fifth;
  std::unique_ptr<int> sixth;
};
struct GivenArray {
  int numbers[2];
  NoDefault given;
};
struct Preset {
  int number = 1;
  NoDefault given = NoDefault(3);
  char letters[3] = {'a', 'b', 'c'};
  std::string text = "x";
};
struct Node {
  int value = 0;
  std::vector<Node> children;
  bool operator==(const Node&) const = default;
};
struct Tree {
  std::string label;
  std::unique_ptr<Tree> left, right;
};
struct Odd;
struct Even {
  std::map<int, Odd> odds;
};
struct Odd {
  std::optional<std::vector<Even>> evens;
  std::set<int> numbers;
};
struct Most {
  int a[3], b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D, E, F;
};
struct TooMany {
  Most most;
  int a[3], b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D, E, F;
};
struct DataInBase : Point {
  int more;
};
template <class T>
struct Holds {
  int before;
  T member;
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

struct TupleLike {
  int one, two;
};
}  // namespace

template <>
struct std::tuple_size<TupleLike> : std::integral_constant<std::size_t, 1> {};
TEST_CASE("structs travel member by member, without padding") {
  const Shot shot{12, "harbour", {{1, 2}, {3, 4}}, Point{5, 6}};
  CHECK(there_and_back(shot) == shot);
  CHECK(there_and_back(Wrapper{shot}) == Wrapper{shot});
  CHECK(encoded(Padded{'a', 1}).size() == 5);
  CHECK(encoded(std::vector<Padded>(10)).size() == 51);
  CHECK(encoded(std::vector<Point>(10)).size() == 161);
}

TEST_CASE("empty structs take no bytes, and empty bases do no harm") {
  CHECK(encoded(Empty()).empty());
  CHECK(there_and_back(std::vector<Empty>(3)).size() == 3);
  CHECK(there_and_back(std::set<int>{}).empty());
  WithBases value;
  value.number = 4;
  value.text = "four";
  const WithBases back = there_and_back(value);
  CHECK(back.number == 4);
  CHECK(back.text == "four");
}

TEST_CASE("C arrays, bit-fields and constant members travel") {
  OldStyle old{};
  old.path[4095] = 'x';
  old.table[1][2] = 7;
  old.names[1] = "second";
  old.flags = 5;
  old.ready = true;
  const OldStyle back = there_and_back(old);
  CHECK(back.path[4095] == 'x');
  CHECK(back.table[1][2] == 7);
  CHECK(back.names[1] == "second");
  CHECK(back.flags == 5);
  CHECK(back.ready);
  const Bits bits = there_and_back(Bits{6, -9, "text"});
  CHECK(bits.small == 6);
  CHECK(bits.large == -9);
  CHECK(bits.text == "text");
  CHECK(there_and_back(Constant{3, "three"}).text == "three");
}

TEST_CASE("members without a default travel, and so does what cannot be copied") {
  const Given back =
      there_and_back(Given{"one", NoDefault(2), "three", {4, 4}, {5, 5, 5}, std::make_unique<int>(6)});
  CHECK(back.first == "one");
  CHECK(back.second.number() == 2);
  CHECK(std::get<1>(back.third) == "three");
  CHECK(back.fourth == Point{4, 4});
  CHECK(back.fifth[2] == 5);
  CHECK(*back.sixth == 6);
  Preset preset;
  preset.given = NoDefault(8);
  preset.letters[2] = 'z';
  preset.text = "y";
  CHECK(there_and_back(preset).given.number() == 8);
  CHECK(there_and_back(preset).letters[2] == 'z');
  CHECK(there_and_back(preset).text == "y");
}

TEST_CASE("trees travel") {
  const Node node{1, {{2, {}}, {3, {{4, {}}, {5, {}}}}}};
  CHECK(there_and_back(node) == node);
  Tree tree{"root", std::make_unique<Tree>(), nullptr};
  tree.left->label = "leaf";
  const Tree back = there_and_back(tree);
  REQUIRE(back.left);
  CHECK(back.left->label == "leaf");
  CHECK_FALSE(back.right);
  Even even;
  even.odds[3].evens.emplace(2);
  CHECK(there_and_back(even).odds.at(3).evens->size() == 2);
}

TEST_CASE("32 members are the most that travel") {
  Most most{};
  most.a[2] = 3;
  most.F = 32;
  CHECK(there_and_back(most).a[2] == 3);
  CHECK(there_and_back(most).F == 32);
}

TEST_CASE("512 levels of a tree travel, and no more in either direction") {
  const auto chain = [](int levels) {
    Node node;
    for (int i = 1; i < levels; ++i) {
      Node outer;
      outer.children.push_back(std::move(node));
      node = std::move(outer);
    }
    return node;
  };
  const Node deepest = chain(512);
  CHECK(there_and_back(deepest) == deepest);
  CHECK_THROWS_AS(encoded(chain(513)), NotTransportable);
  const std::string level = bytes_of({0, 0, 0, 0, 1});
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += level;
  CHECK_THROWS_WITH_AS(decoded<Node>(bytes), doctest::Contains("nested too deep"), DecodeError);
}

TEST_CASE("what lies beside each other is no nesting") {
  CHECK(there_and_back(std::vector<Node>(10'000)).size() == 10'000);
}

static_assert(detail::kBitwise<Point> && detail::kBitwise<std::array<Point, 4>> &&
              detail::kBitwise<NoDefault>);
static_assert(!detail::kBitwise<Padded> && !detail::kBitwise<Begins<bool>>);
static_assert(!detail::kBitwise<long double> && !detail::kBitwise<Empty>);
static_assert(Transportable<Most> && !Transportable<TooMany> && !Transportable<DataInBase>);
static_assert(!Transportable<TupleLike> && !Transportable<Holds<TupleLike>>);
static_assert(!Transportable<GivenArray> && Transportable<Begins<Most>>);
static_assert(!Transportable<Holds<int*>> && !Transportable<Holds<int&>> &&
              !Transportable<Holds<const int&>>);
static_assert(!Transportable<Begins<int&>> && !Transportable<Begins<int&&>> && !Transportable<Holds<int&&>>);
static_assert(!Transportable<Holds<std::any>> && !Transportable<Begins<std::any>> &&
              !Transportable<Two<std::any>>);
static_assert(!Transportable<Begins<std::function<void()>>> && !Transportable<Two<std::function<int(int)>>>);
static_assert(!Transportable<Holds<std::string_view>> && !Transportable<Holds<char* [4]>>);
static_assert(!Transportable<Holds<std::vector<Holds<std::shared_ptr<int>>>>>);
static_assert(std::same_as<detail::Finding<Holds<std::vector<Two<int*>>>>::Culprit, int*>);
static_assert(std::same_as<detail::Finding<Holds<std::vector<Two<int*>>>>::In, Two<int*>>);
