// What every user does first: hand over calls, get values and errors back.
#include <doctest/doctest.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include <drover/drover.hpp>

using namespace std::chrono_literals;

namespace {

int twice(int number) {
  return 2 * number;
}
std::string joined(const std::string& first, const std::vector<int>& rest) {
  std::string text = first;
  for (const int each : rest) text += " " + std::to_string(each);
  return text;
}
void nothing() {}
int fail(std::string text) {
  throw std::out_of_range(text);
}
int crash() {
  std::raise(SIGKILL);
  return 0;
}

}  // namespace

TEST_CASE("a call comes back with its value") {
  drover::Coordinator coordinator({.workers = 2});
  auto four = coordinator.submit<&twice>(2);
  auto text = coordinator.submit<&joined>("one", std::vector{2, 3});
  auto done = coordinator.submit<&nothing>();
  auto lambda = coordinator.submit<[](int a, double b) { return a + b; }>(1, 0.5);
  CHECK(four.get() == 4);
  CHECK(four.get() == 4);
  CHECK(text.get() == "one 2 3");
  done.get();
  CHECK(lambda.get() == 1.5);
  CHECK(four.state() == drover::TaskStatus::Succeeded);
}

TEST_CASE("what a function throws is thrown again by get, and the next call runs") {
  drover::Coordinator coordinator({.workers = 1});
  auto failed = coordinator.submit<&fail>("beyond");
  CHECK_THROWS_WITH_AS(failed.get(), "beyond", std::out_of_range);
  CHECK(failed.state() == drover::TaskStatus::Failed);
  CHECK(coordinator.submit<&twice>(3).get() == 6);
}

TEST_CASE("a worker that is killed costs one task, which tells the whole story") {
  drover::Coordinator coordinator({.workers = 2});
  auto lost = coordinator.submit<&crash>({.name = "the bad one"});
  std::vector<drover::TaskHandle<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(coordinator.submit<&twice>(i));
  try {
    lost.get();
    FAIL("it did not throw");
  } catch (const drover::WorkerDied& died) {
    CHECK(died.account().signal == SIGKILL);
    CHECK(died.account().task_name == "the bad one");
    CHECK_FALSE(died.account().out_of_memory);
  }
  for (int i = 0; i < 100; ++i) CHECK(others[static_cast<std::size_t>(i)].get() == 2 * i);
  CHECK(coordinator.workers_lost() == 1);
}

TEST_CASE("many small calls, submitted and then got") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<drover::TaskHandle<int>> handles;
  for (int i = 0; i < 20000; ++i) handles.push_back(coordinator.submit<&twice>(i));
  long sum = 0;
  for (auto& handle : handles) sum += handle.get();
  CHECK(sum == 20000L * 19999);
}

TEST_CASE("map keeps the order, map_unordered tells the index") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<int> numbers(5000);
  for (int i = 0; i < 5000; ++i) numbers[static_cast<std::size_t>(i)] = i;
  int expected = 0;
  for (const int value : coordinator.map<&twice>(numbers)) {
    REQUIRE(value == expected);
    expected += 2;
  }
  CHECK(expected == 10000);
  std::vector<bool> seen(5000);
  for (auto&& [index, result] : coordinator.map_unordered<&twice>(numbers)) {
    CHECK(result.value() == 2 * static_cast<int>(index));
    CHECK_FALSE(seen[index]);
    seen[index] = true;
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == 5000);
}
