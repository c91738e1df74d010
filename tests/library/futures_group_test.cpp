// Groups: the first failure ends the rest, and nothing outlives its group.
#include <doctest/doctest.h>
#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using drover::TaskStatus;
using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int fail(std::string text) {
  throw std::runtime_error(text);
}
int fail_at(std::string gate, std::string text) {
  drover::test::meet(gate);
  throw std::runtime_error(text);
}
int deaf(std::string gate) {
  drover::test::say(gate, "runs");
  for (;;) ::pause();
}
std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    return thrown.what();
  }
}

}  // namespace

TEST_CASE("a group waits for all its tasks; an empty one for none") {
  drover::Coordinator coordinator({.workers = 2});
  drover::TaskGroup group(coordinator);
  group.wait();
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 200; ++i) tasks.push_back(group.submit<&number>(i));
  group.wait();
  for (int i = 0; i < 200; ++i) {
    REQUIRE(tasks[static_cast<std::size_t>(i)].ready());
    CHECK(tasks[static_cast<std::size_t>(i)].get() == i);
  }
  CHECK(group.errors().empty());
  CHECK(group.submit<&number>(1).get() == 1);
  group.wait();
}

TEST_CASE("the first failure ends the rest, running or queued, and is what wait throws") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  drover::TaskGroup group(coordinator);
  auto running = group.submit<&deaf>(gate.path());
  gate.heard();
  auto failing = group.submit<&fail_at>(gate.path(), "the first");
  gate.heard();
  std::vector<drover::TaskHandle<int>> queued;
  for (int i = 0; i < 100; ++i) queued.push_back(group.submit<&number>(i));
  auto outside = coordinator.submit<&number>(7);
  gate.let_go();
  CHECK_THROWS_WITH_AS(group.wait(), "the first", std::runtime_error);
  CHECK(failing.state() == TaskStatus::Failed);
  CHECK(running.state() == TaskStatus::Cancelled);
  for (auto& each : queued) CHECK(each.ready());
  CHECK(outside.get() == 7);
  CHECK_THROWS_WITH_AS(group.wait(), "the first", std::runtime_error);
  REQUIRE(group.errors().size() == 1);
  CHECK(text_of(group.errors()[0]) == "the first");
}

TEST_CASE("all who failed by themselves are told of, in that order") {
  Gate first, second;
  drover::Coordinator coordinator({.workers = 2, .grace = std::chrono::hours(1)});
  drover::TaskGroup group(coordinator);
  constexpr auto fail_when_told = [](std::string gate, std::string text, drover::Context& context) {
    (void)context.stop_requested();  // it listens, so it is left to end by itself
    drover::test::meet(gate);
    throw std::runtime_error(text);
  };
  auto a = group.submit<fail_when_told>(first.path(), std::string("one"));
  auto b = group.submit<&fail_at>(second.path(), "two");
  first.heard();
  second.heard();
  second.let_go();
  b.wait();
  first.let_go();
  CHECK_THROWS_WITH_AS(group.wait(), "two", std::runtime_error);
  CHECK(group.errors().size() == 1);  // the other had been asked to end
  CHECK(a.state() == TaskStatus::Cancelled);
}

TEST_CASE("nothing begins in a group that has failed or was cancelled") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  drover::TaskGroup failed(coordinator);
  CHECK_THROWS_AS((void)failed.submit<&fail>("no").get(), std::runtime_error);
  CHECK_THROWS_AS(failed.wait(), std::runtime_error);
  drover::TaskGroup cancelled(coordinator);
  cancelled.cancel();
  for (int i = 0; i < 50; ++i)
    for (auto* group : {&failed, &cancelled}) {
      auto task = group->submit<&wait_at>(gate.path());
      CHECK_THROWS_AS((void)task.get(), drover::Cancelled);
    }
  CHECK(gate.quiet());
  CHECK_THROWS_WITH_AS(failed.wait(), "no", std::runtime_error);
  CHECK_THROWS_AS(cancelled.wait(), drover::Cancelled);
  CHECK(coordinator.submit<&number>(1).get() == 1);
}

TEST_CASE("cancelling a group ends its tasks; who waits is told") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  drover::TaskGroup group(coordinator);
  auto running = group.submit<&deaf>(gate.path());
  auto queued = group.submit<&number>(1);
  gate.heard();
  std::thread canceller([&] { group.cancel(); });
  CHECK_THROWS_AS(group.wait(), drover::Cancelled);
  canceller.join();
  CHECK(running.state() == TaskStatus::Cancelled);
  CHECK(queued.state() == TaskStatus::Cancelled);
  group.cancel();
}

TEST_CASE("no task outlives its group, whichever way that ends") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  drover::TaskHandle<int> running, queued;
  try {
    drover::TaskGroup group(coordinator);
    running = group.submit<&deaf>(gate.path());
    queued = group.submit<&number>(1);
    gate.heard();
    throw std::logic_error("on the way out");
  } catch (const std::logic_error&) {
    CHECK(running.ready());
    CHECK(queued.ready());
  }
  CHECK(running.state() == TaskStatus::Cancelled);
  CHECK(coordinator.submit<&number>(2).get() == 2);
}

TEST_CASE("groups within groups end from the inside out") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  drover::TaskGroup outer(coordinator);
  auto held = outer.submit<&wait_at>(gate.path());
  gate.heard();
  const auto run_inner = [&] {
    drover::TaskGroup inner(coordinator);
    (void)inner.submit<&fail>("inside");
    inner.wait();
  };
  CHECK_THROWS_WITH_AS(run_inner(), "inside", std::runtime_error);
  CHECK_FALSE(held.ready());
  gate.let_go();
  outer.wait();
  CHECK(held.get() > 0);
}

TEST_CASE("a worker that dies ends its group") {
  drover::Coordinator coordinator({.workers = 2});
  drover::TaskGroup group(coordinator);
  (void)group.submit<[] { ::_exit(1); }>();
  std::vector<drover::TaskHandle<int>> others;
  for (int i = 0; i < 20; ++i) others.push_back(group.submit<&number>(i));
  CHECK_THROWS_AS(group.wait(), drover::WorkerDied);
  for (auto& each : others) CHECK(each.ready());
}

TEST_CASE("several threads submit to one group while it fails") {
  for (int round = 0; round < 10; ++round) {
    drover::Coordinator coordinator({.workers = 2});
    drover::TaskGroup group(coordinator);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 100; ++i) {
          if (thread == 0 && i == 50)
            (void)group.submit<&fail>("in between");
          else
            (void)group.submit<&number>(i);
        }
      });
    for (auto& thread : threads) thread.join();
    CHECK_THROWS_WITH_AS(group.wait(), "in between", std::runtime_error);
    CHECK(group.errors().size() == 1);
  }
}
