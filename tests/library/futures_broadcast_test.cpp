// What each worker does before its tasks, and what becomes of a coordinator whose workers cannot.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::chrono_literals;
using drover::test::Gate;

namespace {

int status = 0;
void set_status(int value) {
  status = value;
}
void add_status(int value) {
  status = status * 10 + value;
}
int get_status() {
  return status;
}
int number(int value) {
  return value;
}
int status_at(std::string gate) {
  drover::test::meet(gate);
  return status;
}
void fail_always() {
  throw std::runtime_error("cannot be set up");
}
void exit_always() {
  std::exit(9);
}
void wait_here(std::string gate) {
  (void)drover::test::meet(gate);
}
void for_ever() {
  for (;;) ::pause();
}
drover::RestartOptions soon() {
  return {.first_delay = 1ms, .most_delay = 1ms};
}

}  // namespace

TEST_CASE("each worker does it before its first task, also the workers of later") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 3});
  coordinator.broadcast<&set_status>(42).get();  // there is no worker yet
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(coordinator.submit<&status_at>(gate.path()));
  std::set<std::string> pids;
  for (int i = 0; i < 3; ++i) pids.insert(gate.heard());
  CHECK(pids.size() == 3);
  drover::test::kill_and_wait(std::stoi(*pids.begin()));
  gate.let_go(2);
  int good = 0;
  for (auto& each : tasks)
    if (!each.error()) good += each.get() == 42;
  CHECK(good == 2);
  CHECK(coordinator.submit<&get_status>().get() == 42);
}

TEST_CASE("a broadcast to workers that are there is over when all have done it, in the order of the calls") {
  drover::Coordinator coordinator({.workers = 2});
  Gate gate;
  std::vector<drover::TaskHandle<int>> both;
  for (int i = 0; i < 2; ++i) both.push_back(coordinator.submit<&status_at>(gate.path()));
  for (int i = 0; i < 2; ++i) gate.heard();
  auto first = coordinator.broadcast<&add_status>(1);
  auto second = coordinator.broadcast<&add_status>(2);
  auto after = coordinator.submit<&get_status>();
  CHECK_FALSE(first.ready());
  gate.let_go(2);
  for (auto& each : both) CHECK(each.get() == 0);
  first.get();
  second.get();
  CHECK(after.get() == 12);
  for (int i = 0; i < 10; ++i) CHECK(coordinator.submit<&get_status>().get() == 12);
}

TEST_CASE("a broadcast reaches a worker that is busy, though what waits behind that is taken to another") {
  for (const int tasks : {2, 200}) {
    Gate first, second;
    drover::Coordinator coordinator({.workers = 2});
    for (const int value : coordinator.map<&number>(std::vector<int>(1000)))
      CHECK(value == 0);  // they are short
    auto one = coordinator.submit<&status_at>(first.path());
    auto other = coordinator.submit<&status_at>(second.path());
    first.heard();
    second.heard();
    std::vector<drover::TaskHandle<int>> waiting;
    for (int i = 0; i < tasks; ++i) waiting.push_back(coordinator.submit<&number>(i));
    auto set_up = coordinator.broadcast<&set_status>(3);
    first.let_go();
    for (auto& each : waiting) each.wait();
    CHECK_FALSE(set_up.ready());
    second.let_go();
    set_up.get();
  }
}

TEST_CASE("a failing broadcast gives up the coordinator, with a reason, and every later call says so") {
  drover::Coordinator coordinator({.workers = 2, .restart = soon()});
  auto set_up = coordinator.broadcast<&fail_always>();
  auto task = coordinator.submit<&get_status>();
  auto waiting = coordinator.submit<&get_status>();
  const auto reason = [](auto call) {
    try {
      call();
    } catch (const drover::CoordinatorFailed& failed) {
      return std::string(failed.what());
    }
    return std::string("nothing was thrown");
  };
  CHECK(reason([&] { task.get(); }).find("cannot be set up") != std::string::npos);
  CHECK(reason([&] { waiting.get(); }).find("cannot be set up") != std::string::npos);
  CHECK(task.state() == drover::TaskStatus::CouldNotStart);
  CHECK(reason([&] { (void)coordinator.submit<&get_status>(); }).find("cannot be set up") !=
        std::string::npos);
  CHECK(reason([&] { (void)coordinator.try_submit<&get_status>(); }).find("set up") != std::string::npos);
  CHECK(reason([&] { (void)coordinator.broadcast<&get_status>(); }).find("set up") != std::string::npos);
  CHECK(reason([&] { (void)coordinator.map<&number>(std::vector{1}).begin(); }).find("set up") !=
        std::string::npos);
  coordinator.shutdown();
}

TEST_CASE("a broadcast that ends its worker gives up the coordinator") {
  drover::Coordinator coordinator({.workers = 2, .restart = soon()});
  (void)coordinator.broadcast<&exit_always>();
  CHECK_THROWS_AS((void)coordinator.submit<&get_status>().get(), drover::CoordinatorFailed);
}

TEST_CASE("a broadcast that fails in workers that are there tells what was thrown") {
  drover::Coordinator coordinator({.workers = 1, .restart = soon()});
  CHECK(coordinator.submit<&get_status>().get() == 0);
  CHECK_THROWS_WITH_AS(coordinator.broadcast<&fail_always>().get(), "cannot be set up", std::runtime_error);
}

TEST_CASE("whoever waits for room when the coordinator fails is told so") {
  drover::Coordinator coordinator({.workers = 1, .max_queued = 1, .restart = soon()});
  (void)coordinator.broadcast<&fail_always>();
  (void)coordinator.submit<&get_status>();
  CHECK_THROWS_AS((void)coordinator.submit<&get_status>(), drover::CoordinatorFailed);
}

TEST_CASE("shutdown waits for a broadcast, or cancels it") {
  Gate gate;
  {
    drover::Coordinator coordinator({.workers = 1});
    CHECK(coordinator.submit<&get_status>().get() == 0);
    auto done = coordinator.broadcast<&wait_here>(gate.path());
    gate.heard();
    gate.let_go();
    coordinator.shutdown();
    CHECK(done.ready());
    done.get();
  }
  for (int round = 0; round < 20; ++round) {
    drover::Coordinator coordinator({.workers = 1});
    CHECK(coordinator.submit<&get_status>().get() == 0);
    auto done = coordinator.broadcast<&set_status>(1);
    coordinator.shutdown();
    REQUIRE(done.ready());
    done.get();
  }
  drover::Coordinator coordinator({.workers = 1});
  CHECK(coordinator.submit<&get_status>().get() == 0);
  auto never = coordinator.broadcast<&for_ever>();
  coordinator.shutdown(drover::Pending::Cancel);
  REQUIRE(never.ready());
  CHECK_THROWS_AS(never.get(), drover::Cancelled);
}
