// Tasks that are no longer wanted, in every state.
#include <doctest/doctest.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::chrono_literals;
using drover::TaskStatus;
using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int fail() {
  throw std::runtime_error("no");
}
// Until it is told to stop; then says so, and waits to go.
int until_stopped(std::string gate, drover::Context& context) {
  std::mutex mutex;
  std::condition_variable_any told;
  std::unique_lock lock(mutex);
  const auto token = context.stop_token();
  drover::test::say(gate, "runs");
  told.wait(lock, token, [] { return false; });
  drover::test::say(gate, "stops");
  drover::test::wait_to_go(gate);
  return 7;
}
int give_up(std::string gate, drover::Context& context) {
  until_stopped(gate, context);
  throw std::runtime_error("given up");
}
int deaf(std::string gate) {
  drover::test::say(gate, std::to_string(::getpid()));
  for (;;) ::pause();
}
int fail_at(std::string gate) {
  drover::test::meet(gate);
  throw std::runtime_error("again");
}

}  // namespace

TEST_CASE("a queued task that is cancelled never begins") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  std::vector<drover::TaskHandle<int>> queued;
  for (int i = 0; i < 100; ++i) queued.push_back(coordinator.submit<&wait_at>(gate.path()));
  for (auto& each : queued) CHECK(each.cancel());
  for (auto& each : queued) {
    CHECK_THROWS_AS(each.get(), drover::Cancelled);
    CHECK(each.state() == TaskStatus::Cancelled);
    CHECK(each.info().attempts == 0);
  }
  gate.let_go();
  held.get();
  CHECK(gate.quiet());
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("a running task that listens is told, and then ends by itself") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  auto given_up = coordinator.submit<&give_up>(gate.path(), {.name = "long"});
  CHECK(gate.heard() == "runs");
  CHECK(given_up.cancel());
  CHECK(gate.heard() == "stops");
  CHECK(given_up.state() == TaskStatus::Running);
  gate.let_go();
  CHECK_THROWS_AS(given_up.get(), drover::Cancelled);
  // Whoever has its value all the same has succeeded.
  auto finished = coordinator.submit<&until_stopped>(gate.path());
  CHECK(gate.heard() == "runs");
  CHECK(finished.cancel());
  CHECK(gate.heard() == "stops");
  gate.let_go();
  CHECK(finished.get() == 7);
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("a running task that does not listen is ended with its worker, and what waited behind it runs") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  auto running = coordinator.submit<&deaf>(gate.path());
  gate.heard();
  auto next = coordinator.submit<&number>(3);
  CHECK(running.cancel());
  CHECK_THROWS_AS(running.get(), drover::Cancelled);
  CHECK(running.info().attempts == 1);
  CHECK(next.get() == 3);
  CHECK(next.info().attempts == 1);
}

TEST_CASE("a task that has ended cannot be cancelled, whichever way it ended") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto succeeded = coordinator.submit<&number>(1);
  auto failed = coordinator.submit<&fail>();
  succeeded.wait();
  failed.wait();
  CHECK_FALSE(succeeded.cancel());
  CHECK_FALSE(failed.cancel());
  CHECK(succeeded.get() == 1);
  CHECK(failed.state() == TaskStatus::Failed);
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  auto queued = coordinator.submit<&number>(1);
  CHECK(queued.cancel());
  queued.wait();
  CHECK_FALSE(queued.cancel());
  gate.let_go();
}

TEST_CASE("a task may be cancelled twice") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  auto running = coordinator.submit<&give_up>(gate.path());
  CHECK(gate.heard() == "runs");
  CHECK(running.cancel());
  CHECK(gate.heard() == "stops");
  CHECK(running.cancel());
  gate.let_go();
  CHECK_THROWS_AS(running.get(), drover::Cancelled);
}

TEST_CASE("a task's own grace holds when it is cancelled") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 0ns});
  auto patient = coordinator.submit<&until_stopped>(gate.path(), {.grace = 1h});
  CHECK(gate.heard() == "runs");
  CHECK(patient.cancel());
  CHECK(gate.heard() == "stops");
  gate.let_go();
  CHECK(patient.get() == 7);
}

TEST_CASE("a cancelled task is not tried again") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&fail_at>(gate.path(), {.retries = 1000});
  gate.heard();
  gate.let_go();
  gate.heard();
  CHECK(task.cancel());
  task.wait();
  CHECK(task.state() == TaskStatus::Cancelled);
  CHECK(task.info().attempts == 2);
}

TEST_CASE("cancelled tasks make room for others") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 4});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  for (int round = 0; round < 20; ++round) {
    std::vector<drover::TaskHandle<int>> queued;
    for (int i = 0; i < 3; ++i) {
      queued.push_back(coordinator.submit<&number>(i));
      CHECK(queued.back().cancel());
    }
    for (auto& each : queued) CHECK_THROWS_AS(each.get(), drover::Cancelled);
  }
  gate.let_go();
  CHECK(coordinator.submit<&number>(5).get() == 5);
}

TEST_CASE("many threads cancel what others submit, and everything ends") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 4000; ++i) tasks.push_back(coordinator.submit<&number>(i));
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (std::size_t i = thread; i < tasks.size(); i += 8) (void)tasks[i].cancel();
    });
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].wait();
    const bool may_be_cancelled = i % 8 < 4;
    const bool sound = tasks[i].state() == TaskStatus::Succeeded
                           ? tasks[i].get() == static_cast<int>(i)
                           : may_be_cancelled && tasks[i].state() == TaskStatus::Cancelled;
    REQUIRE(sound);
  }
}
