// Back-pressure: how much a coordinator takes before who submits must wait.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/e2e/processes.hpp"
#include "tests/library/futures_gate.hpp"
#include "tests/library/own_process.hpp"
#include "tests/sanitized.hpp"

using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
std::size_t swallow(std::string gate, std::string bytes) {
  drover::test::meet(gate);
  return bytes.size();
}
std::string letters(std::size_t size) {
  return std::string(size, 'x');
}

}  // namespace

TEST_CASE("try_submit takes as many tasks as may wait, and again when some have ended") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 3});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 3; ++i) {
    auto task = coordinator.try_submit<&wait_at>(gate.path());
    REQUIRE(task);
    tasks.push_back(std::move(*task));
  }
  CHECK_FALSE(coordinator.try_submit<&number>(1));
  CHECK_FALSE(coordinator.try_submit_with<&number>({.name = "named"}, 1));
  gate.let_go(3);
  drover::wait_all(tasks);
  // Room is counted after those who wait were told.
  CHECK(coordinator.submit<&number>(5).get() == 5);
  coordinator.shutdown();
}

TEST_CASE("submit waits for room, and each that waits gets some") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 2});
  auto first = coordinator.submit<&wait_at>(gate.path());
  auto second = coordinator.submit<&wait_at>(gate.path());
  std::vector<std::thread> threads;
  std::atomic<int> sum{0};
  for (int i = 1; i <= 4; ++i)
    threads.emplace_back([&, i] {
      drover::test::say(gate.path(), "waits");
      sum += coordinator.submit<&number>(i).get();
    });
  std::vector<std::string> said;
  for (int i = 0; i < 5; ++i) said.push_back(gate.heard());  // the first task, and all who wait
  CHECK(sum == 0);
  gate.let_go(2);
  for (auto& thread : threads) thread.join();
  CHECK(sum == 10);
}

TEST_CASE("one place that becomes free is enough, though the other tasks are long") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 4, .max_queued = 4});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(coordinator.submit<&wait_at>(gate.path()));
  for (int i = 0; i < 4; ++i) gate.heard();
  std::thread waits([&] { CHECK(coordinator.submit<&number>(1).get() == 1); });
  gate.let_go();
  waits.join();
  CHECK(std::count_if(tasks.begin(), tasks.end(), [](auto& each) { return each.ready(); }) == 1);
  gate.let_go(3);
}

TEST_CASE(
    "bytes of arguments are counted; what is larger than all room is taken when nothing else is there") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued_bytes = 1000});
  const std::string half(600, 'x'), huge(100'000, 'x');
  auto first = coordinator.submit<&swallow>(gate.path(), half);
  CHECK_FALSE(coordinator.try_submit<&swallow>(gate.path(), half));
  CHECK(coordinator.try_submit<&number>(1));
  gate.heard();
  std::thread waits([&] {
    CHECK(coordinator.submit<&swallow>(gate.path(), huge).get() == huge.size());
    drover::test::say(gate.path(), "done");
  });
  gate.let_go(2);
  gate.heard();
  CHECK(gate.heard() == "done");
  waits.join();
  CHECK(first.get() == half.size());
}

TEST_CASE("a map waits for room, too, and other tasks get theirs meanwhile") {
  drover::Coordinator coordinator({.workers = 2, .max_queued = 8});
  int expected = 0;
  for (const int value : coordinator.map<&number>(std::views::iota(0, 500), {.buffer = 100})) {
    CHECK(value == expected++);
    if (expected % 100 == 0) CHECK(coordinator.submit<&number>(1).get() == 1);
  }
  CHECK(expected == 500);
}

TEST_CASE("results that handles keep do not count, and are freed with them") {
  drover::Coordinator coordinator({.workers = 1, .max_queued_bytes = 1 << 20});
  std::vector<drover::TaskHandle<std::string>> kept;
  for (int i = 0; i < 32; ++i) kept.push_back(coordinator.submit<&letters>(std::size_t{1} << 20));
  drover::wait_all(kept);
  const auto with = drover::test::resident_kib(::getpid());
  kept.clear();
  for (int i = 0; i < 200; ++i)
    CHECK(coordinator.submit<&letters>(std::size_t{1} << 20).get().size() == 1 << 20);
  const auto without = drover::test::resident_kib(::getpid());
  if (!drover::test::kSanitized) CHECK(without + 16 * 1024 < with);
}

TEST_CASE("a hundred thousand tasks, one after the other, leave nothing behind") {
  drover::Coordinator coordinator({.workers = 1});
  const auto some = [&](int count) {
    std::vector<drover::TaskHandle<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(coordinator.submit<&number>(i));
    drover::wait_all(tasks);
    return drover::test::resident_kib(::getpid());
  };
  const auto before = some(2000);
  std::uint64_t after = 0;
  for (int round = 0; round < 50; ++round) after = some(2000);
  if (!drover::test::kSanitized) CHECK(after < before + 4 * 1024);
}
