// Maps: order, laziness, failures in the middle, endings of every sort.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::chrono_literals;
using drover::test::Gate;

namespace {

int twice(int number) {
  return 2 * number;
}
int plus(int a, int b) {
  return a + b;
}
std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  while (times-- != 0) all += text;
  return all;
}
int not_three(int number) {
  if (number == 3) throw std::invalid_argument("three");
  return number;
}
void nothing_with_three(int number) {
  (void)not_three(number);
}
int crash_at_three(int number) {
  if (number == 3) std::raise(SIGKILL);
  return number;
}
bool is_even(int number) {
  return number % 2 == 0;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
// The first one waits, the others do not.
int first_waits(int number, std::string gate) {
  if (number == 0) drover::test::meet(gate);
  return number;
}

// 0, 1, 2, … without end; counts what was taken.
auto counted(int& taken) {
  return std::views::iota(0) | std::views::transform([&taken](int number) { return ++taken, number; });
}

}  // namespace

TEST_CASE("map gives the values in order, however long each takes") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  std::vector<std::pair<int, std::string>> arguments;
  for (int i = 0; i < 10; ++i) arguments.emplace_back(i, gate.path());
  auto values = coordinator.map<&first_waits>(arguments);
  gate.let_go();
  int expected = 0;
  for (const int value : values) CHECK(value == expected++);
  CHECK(expected == 10);
}

TEST_CASE("map_unordered gives first what has ended first") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  std::vector<std::pair<int, std::string>> arguments{{0, gate.path()}, {1, ""}};
  std::vector<int> order;
  for (auto&& [index, result] : coordinator.map_unordered<&first_waits>(arguments)) {
    order.push_back(static_cast<int>(index));
    CHECK(result.value() == static_cast<int>(index));
    if (order.size() == 1) gate.let_go();
  }
  CHECK(order == std::vector{1, 0});
}

TEST_CASE("an element that is like a tuple becomes as many arguments") {
  drover::Coordinator coordinator({.workers = 1});
  const std::vector<std::tuple<std::string, std::size_t>> tuples{{"ab", 2}, {"c", 3}};
  std::vector<std::string> texts;
  for (const std::string& text : coordinator.map<&repeat>(tuples)) texts.push_back(text);
  CHECK(texts == std::vector<std::string>{"abab", "ccc"});
  const std::vector<std::array<int, 2>> arrays{{1, 2}, {3, 4}};
  int sum = 0;
  for (const int value : coordinator.map<&plus>(arrays)) sum += value;
  CHECK(sum == 10);
}

TEST_CASE("a map of nothing is empty and takes no worker") {
  drover::Coordinator coordinator({.workers = 1});
  for (const int value : coordinator.map<&twice>(std::vector<int>())) FAIL("there is none: " << value);
  for (auto&& [index, result] : coordinator.map_unordered<&twice>(std::vector<int>()))
    FAIL("there is none: " << index << result.has_value());
  CHECK(coordinator.worker_pids().empty());
}

TEST_CASE("a failure in the middle is thrown in its place, and the iteration can go on") {
  drover::Coordinator coordinator({.workers = 2});
  const std::vector<int> numbers{0, 1, 2, 3, 4, 5};
  auto values = coordinator.map<&not_three>(numbers);
  std::vector<int> good;
  auto at = values.begin();
  for (; at != values.end(); ++at) {
    if (good.size() == 3) {
      CHECK_THROWS_WITH_AS((void)*at, "three", std::invalid_argument);
      CHECK_THROWS_AS((void)*at, std::invalid_argument);
      good.push_back(-1);
    } else {
      good.push_back(*at);
    }
  }
  CHECK(good == std::vector{0, 1, 2, -1, 4, 5});
  auto nothings = coordinator.map<&nothing_with_three>(numbers);
  int thrown = 0, done = 0;
  for (auto each = nothings.begin(); each != nothings.end(); ++each) try {
      (void)*each;
      ++done;
    } catch (const std::invalid_argument&) {
      ++thrown;
    }
  CHECK(thrown == 1);
  CHECK(done == 5);
}

TEST_CASE("a failure that nobody catches ends the iteration, and the coordinator goes on") {
  drover::Coordinator coordinator({.workers = 2});
  const auto sum = [&] {
    int all = 0;
    for (const int value : coordinator.map<&not_three>(std::views::iota(0))) all += value;
    return all;
  };
  CHECK_THROWS_AS((void)sum(), std::invalid_argument);
  CHECK(coordinator.submit<&twice>(4).get() == 8);
}

TEST_CASE("a worker that dies within a map costs one result") {
  drover::Coordinator coordinator({.workers = 2});
  int died = 0, good = 0;
  for (auto&& [index, result] : coordinator.map_unordered<&crash_at_three>(std::views::iota(0, 500))) {
    if (result) {
      CHECK(result.value() == static_cast<int>(index));
      ++good;
    } else {
      CHECK(index == 3);
      CHECK_THROWS_AS(result.value(), drover::WorkerDied);
      ++died;
    }
  }
  CHECK(died == 1);
  CHECK(good == 499);
}

TEST_CASE("tasks of a map are tried again as often as was asked for") {
  drover::Coordinator coordinator({.workers = 2});
  int good = 0;
  constexpr auto second_time = [](int number, drover::Context& context) {
    if (number % 10 == 0 && context.attempt() < 2) throw std::runtime_error("again");
    return number;
  };
  for (auto&& [index, result] :
       coordinator.map_unordered<second_time>(std::views::iota(0, 50), {.retries = 1}))
    good += result.value() == static_cast<int>(index);
  CHECK(good == 50);
}

TEST_CASE("no element is taken before the iteration begins, and then no more than the buffer holds") {
  drover::Coordinator coordinator({.workers = 2});
  int taken = 0;
  auto values = coordinator.map<&twice>(counted(taken), {.buffer = 4});
  CHECK(taken == 0);
  auto at = values.begin();
  CHECK(*at == 0);
  for (int read = 1; read < 100; ++read, ++at) {
    CHECK(*at == 2 * (read - 1));
    REQUIRE(taken <= read + 4);
  }
  int only = 0;
  auto one_by_one = coordinator.map_unordered<&twice>(counted(only), {.buffer = 1});
  int read = 0;
  for (auto each = one_by_one.begin(); read < 20; ++each) {
    ++read;
    REQUIRE(only == read);
  }
}

TEST_CASE("an iteration without a buffer takes elements as they are needed, too") {
  drover::Coordinator coordinator({.workers = 2});
  int taken = 0;
  int read = 0;
  for (const int value : coordinator.map<&twice>(counted(taken))) {
    CHECK(value == 2 * read);
    if (++read == 1000) break;
  }
  CHECK(taken >= 1000);
  CHECK(taken <= 1000 + 16 * 1024);
}

TEST_CASE("leaving a map early cancels the rest") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  {
    std::vector<std::string> gates(50, gate.path());
    auto values = coordinator.map<&wait_at>(gates, {.buffer = 50});
    gate.let_go();
    CHECK(*values.begin() > 0);
    gate.heard();
    gate.heard();  // the second one runs
  }
  CHECK(coordinator.submit<&twice>(1).get() == 2);
  CHECK(gate.quiet());
}

TEST_CASE("leaving an unordered map while its first task still runs ends that one") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  const auto input = std::views::iota(0) | std::views::transform([&](int number) {
                       return std::pair(number, number == 0 ? gate.path() : std::string());
                     });
  int read = 0;
  for (auto&& [index, result] : coordinator.map_unordered<&first_waits>(input, {.buffer = 4})) {
    CHECK(index != 0);
    if (read == 0) gate.heard();
    if (++read == 20) break;
  }
  CHECK(coordinator.submit<&twice>(1).get() == 2);
  coordinator.shutdown();  // nobody lets the first one go
}

TEST_CASE("an input that throws: what was taken before comes, and whoever goes on can") {
  drover::Coordinator coordinator({.workers = 1});
  bool broken = true;
  auto input = std::views::iota(0, 10) | std::views::transform([&](int number) {
                 if (number == 5 && broken) throw std::length_error("no more");
                 return number;
               });
  auto values = coordinator.map<&twice>(input, {.buffer = 8});
  CHECK_THROWS_AS((void)values.begin(), std::length_error);
  broken = false;
  std::vector<int> all;
  for (const int value : values) all.push_back(value);
  CHECK(all == std::vector{0, 2, 4, 6, 8, 10, 12, 14, 16, 18});
  broken = true;
  { CHECK_THROWS_AS((void)coordinator.map<&twice>(input, {.buffer = 8}).begin(), std::length_error); }
  CHECK(coordinator.submit<&twice>(2).get() == 4);
}

TEST_CASE("a range that is no lvalue lives in the map, one that is stays where it is") {
  drover::Coordinator coordinator({.workers = 1});
  auto values = coordinator.map<&twice>(std::vector<int>(300, 21));
  int sum = 0;
  for (const int value : values) sum += value;
  CHECK(sum == 300 * 42);
  auto moved = [&] { return coordinator.map<&twice>(std::vector<int>{1, 2, 3}); }();
  auto again = std::move(moved);
  sum = 0;
  for (const int value : again) sum += value;
  CHECK(sum == 12);
}

TEST_CASE("results that are false, empty or nothing are results") {
  drover::Coordinator coordinator({.workers = 1});
  std::vector<bool> even;
  for (const bool value : coordinator.map<&is_even>(std::vector{1, 2, 3})) even.push_back(value);
  CHECK(even == std::vector{false, true, false});
  int done = 0;
  for ([[maybe_unused]] const auto value : coordinator.map<&nothing_with_three>(std::vector{1, 2})) ++done;
  CHECK(done == 2);
}

TEST_CASE("two maps of one coordinator, read in turn") {
  drover::Coordinator coordinator({.workers = 2});
  auto first = coordinator.map<&twice>(std::views::iota(0, 1000));
  auto second = coordinator.map<&plus>(
      std::views::iota(0, 1000) | std::views::transform([](int number) { return std::pair(number, 1); }));
  auto a = first.begin();
  auto b = second.begin();
  for (int i = 0; i < 1000; ++i, ++a, ++b) {
    REQUIRE(*a == 2 * i);
    REQUIRE(*b == i + 1);
  }
  CHECK(a == first.end());
  CHECK(b == second.end());
}

TEST_CASE("a map whose coordinator is shut down ends with what was taken, then says so") {
  auto coordinator = std::make_unique<drover::Coordinator>(drover::Options{.workers = 1});
  auto values = coordinator->map<&twice>(std::views::iota(0), {.buffer = 4});
  auto at = values.begin();
  CHECK(*at == 0);
  coordinator.reset();
  int read = 1;
  CHECK_THROWS_AS(
      [&] {
        for (;; ++read) {
          ++at;
          CHECK(*at == 2 * read);
        }
      }(),
      drover::ShutDown);
  CHECK(read >= 2);
  auto never_begun = [] {
    drover::Coordinator gone({.workers = 1});
    return gone.map<&twice>(std::vector{1});
  }();
  CHECK_THROWS_AS((void)never_begun.begin(), drover::ShutDown);
}
