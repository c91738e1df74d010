// Attempts that take too long.
#include <doctest/doctest.h>
#include <unistd.h>
#include <thread>

#include <string>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::chrono_literals;
using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int for_ever() {
  for (;;) ::pause();
}
int listen(std::string gate, drover::Context& context) {
  while (!context.stop_requested()) std::this_thread::yield();
  drover::test::say(gate, "stops");
  return 1;
}
int third_time(drover::Context& context) {
  while (context.attempt() < 3) ::pause();
  return static_cast<int>(context.attempt());
}
int for_ever_if_odd(int value) {
  return value % 2 == 0 ? value : for_ever();
}

}  // namespace

TEST_CASE("a task over its time ends as timed out and says after how long") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&for_ever>({.name = "slow", .timeout = 30ms});
  auto next = coordinator.submit<&number>(1);
  try {
    task.get();
    FAIL("it did not throw");
  } catch (const drover::TimedOut& late) {
    CHECK(late.limit() == 30ms);
    CHECK(late.task_name() == "slow");
    CHECK(late.attempt() == 1);
  }
  CHECK(task.state() == drover::TaskStatus::TimedOut);
  CHECK(next.get() == 1);
}

TEST_CASE("a task that listens hears that its time is over, and its value comes too late") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  auto task = coordinator.submit<&listen>(gate.path(), {.timeout = 30ms});
  CHECK(gate.heard() == "stops");
  CHECK_THROWS_AS(task.get(), drover::TimedOut);
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("time in the queue does not count") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  auto queued = coordinator.submit<&number>(1, {.timeout = 5s});
  auto over = coordinator.submit<&number>(2, {.timeout = 1ns});
  CHECK_FALSE(queued.wait_for(20ms));
  CHECK_FALSE(over.ready());
  gate.let_go();
  CHECK(queued.get() == 1);
}

TEST_CASE("each attempt has the whole time, and there are as many as were asked for") {
  drover::Coordinator coordinator({.workers = 1});
  auto good = coordinator.submit<&third_time>({.timeout = 30ms, .retries = 2});
  auto bad = coordinator.submit<&for_ever>({.timeout = 10ms, .retries = 2});
  CHECK(good.get() == 3);
  CHECK(good.info().attempts == 3);
  CHECK_THROWS_AS(bad.get(), drover::TimedOut);
  CHECK(bad.info().attempts == 3);
}

TEST_CASE("tasks of a map have their time each") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<int> late;
  const std::vector<int> numbers{0, 1, 2, 3, 4, 5, 6};
  for (auto&& [index, result] : coordinator.map_unordered<&for_ever_if_odd>(numbers, {.timeout = 200ms})) {
    if (result.has_value()) {
      CHECK(result.value() == static_cast<int>(index));
    } else {
      CHECK_THROWS_AS(result.value(), drover::TimedOut);
      late.push_back(static_cast<int>(index));
    }
  }
  std::sort(late.begin(), late.end());
  CHECK(late == std::vector{1, 3, 5});
}
