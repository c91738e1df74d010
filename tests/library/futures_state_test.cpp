// What a handle tells of its task, and how long it waits.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::chrono_literals;
using drover::TaskStatus;
using drover::test::Gate;

namespace {

int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int fail() {
  throw std::runtime_error("no");
}
int crash() {
  std::raise(SIGKILL);
  return 0;
}
int number() {
  return 5;
}
void print() {
  std::fputs("to out", stdout);
  std::fputs("to err", stderr);
}

}  // namespace

TEST_CASE("a task is queued, runs, has succeeded") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto first = coordinator.submit<&wait_at>(gate.path(), {.name = "first"});
  auto second = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  CHECK(first.state() == TaskStatus::Running);
  CHECK_FALSE(first.ready());
  CHECK(first.info().name == "first");
  CHECK(second.state() == TaskStatus::Queued);
  gate.let_go(2);
  first.wait();
  CHECK(first.state() == TaskStatus::Succeeded);
  CHECK(first.ready());
  CHECK(first.error() == nullptr);
  second.wait();
  const auto info = second.info();
  CHECK(info.task == 2);
  CHECK(info.name == "#2");
  CHECK(info.attempts == 1);
  CHECK(info.state == TaskStatus::Succeeded);
  CHECK(first.info().wall_time > 0ns);
}

TEST_CASE("state, error and get agree on how a task ended") {
  drover::Coordinator coordinator({.workers = 1});
  auto failed = coordinator.submit<&fail>();
  CHECK_THROWS_AS(std::rethrow_exception(failed.error()), std::runtime_error);
  CHECK(failed.state() == TaskStatus::Failed);
  CHECK_THROWS_AS(failed.get(), std::runtime_error);
  CHECK_THROWS_AS(failed.get(), std::runtime_error);
  auto died = coordinator.submit<&crash>();
  CHECK_THROWS_AS(died.get(), drover::WorkerDied);
  CHECK(died.state() == TaskStatus::WorkerDied);
  CHECK(died.info().attempts == 1);
}

TEST_CASE("info has what a function printed, when it succeeds and when it does not") {
  drover::Coordinator coordinator({.workers = 1, .output = drover::FunctionOutput::Keep});
  auto printed = coordinator.submit<&print>();
  printed.get();
  CHECK(printed.info().out == "to out");
  CHECK(printed.info().err == "to err");
  auto failed = coordinator.submit<[] {
    std::fputs("last words", stderr);
    throw std::runtime_error("no");
  }>();
  try {
    failed.get();
    FAIL("it did not throw");
  } catch (const drover::RemoteDetails& details) {
    CHECK(details.stderr_tail() == "last words");
    CHECK(details.task() == 2);
  }
}

TEST_CASE("waiting for a time tells whether the task has ended, and changes nothing") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  CHECK_FALSE(task.wait_for(0s));
  CHECK_FALSE(task.wait_for(-1h));
  CHECK_FALSE(task.wait_for(1ms));
  CHECK_FALSE(task.wait_for(std::chrono::duration<double>(0.001)));
  CHECK_FALSE(task.wait_until(std::chrono::system_clock::now() - 1h));
  CHECK_FALSE(task.wait_until(std::chrono::steady_clock::time_point::min()));
  CHECK(task.state() == TaskStatus::Running);
  gate.let_go();
  CHECK(task.wait_for(1h));
  CHECK(task.wait_for(0s));
  CHECK(task.wait_until(std::chrono::system_clock::now() - 1h));
}

TEST_CASE("the longest time that there is means until the end") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  // The task goes on when one of these has given up, which none may do.
  std::thread waiter([&] {
    CHECK(task.wait_for(std::chrono::hours::max()));
    CHECK(task.wait_for(std::chrono::nanoseconds::max()));
    drover::test::say(gate.path(), "waited");
  });
  std::thread to_be_safe([&] {
    CHECK(task.wait_until(std::chrono::steady_clock::time_point::max()));
    CHECK(task.wait_until(std::chrono::system_clock::time_point::max()));
    CHECK(task.wait_for(std::chrono::duration<double>(std::numeric_limits<double>::infinity())));
    drover::test::say(gate.path(), "waited");
  });
  gate.let_go();
  CHECK(gate.heard() == "waited");
  CHECK(gate.heard() == "waited");
  waiter.join();
  to_be_safe.join();
}

TEST_CASE("several threads wait for one coordinator's tasks, each for its own") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 4});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(coordinator.submit<&wait_at>(gate.path()));
  std::vector<std::thread> threads;
  std::vector<int> pids(4);
  for (std::size_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { pids[i] = tasks[i].get(); });
  for (int i = 0; i < 4; ++i) gate.heard();
  gate.let_go(4);
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < 4; ++i) CHECK(pids[i] == tasks[i].get());
}

TEST_CASE("a handle outlives its coordinator, with value or error") {
  drover::TaskHandle<int> good, bad;
  {
    drover::Coordinator coordinator({.workers = 1});
    good = coordinator.submit<&number>();
    bad = coordinator.submit<&fail>();
  }
  CHECK(good.get() == 5);
  CHECK_THROWS_AS(bad.get(), std::runtime_error);
  CHECK_FALSE(good.cancel());
  CHECK_FALSE(good.progress());
  CHECK(good.info().attempts == 1);
}
