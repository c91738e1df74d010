// A forked child of a program that uses drover: what it inherited refuses or answers, and never hangs, and
// its parent notices nothing.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using drover::TaskHandle;
using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}

template <class Expected>
bool throws(const std::function<void()>& call) {
  try {
    call();
  } catch (const Expected&) {
    return true;
  } catch (...) {
  }
  return false;
}

// The number of the first check that does not hold in a child, from 1; 0: all do.
int in_child(const std::function<std::vector<bool>()>& checks) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(30);
    int wrong = 0;
    const std::vector<bool> all = checks();
    for (std::size_t i = 0; i < all.size() && wrong == 0; ++i)
      if (!all[i]) wrong = static_cast<int>(i) + 1;
    ::_exit(wrong);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE_MESSAGE(WIFEXITED(status), "the child was ended by signal " << WTERMSIG(status));
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("in a forked child values that have come can be had, those to come cannot be waited for") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto ended = coordinator.submit<&number>(5);
  ended.wait();
  std::vector<TaskHandle<int>> open;
  open.push_back(coordinator.submit<&wait_at>(gate.path()));
  open.push_back(coordinator.submit<&number>(6));
  gate.heard();
  CHECK(in_child([&]() -> std::vector<bool> {
          return {ended.get() == 5,
                  !open[0].ready(),
                  throws<drover::WouldDeadlock>([&] { open[0].get(); }),
                  throws<drover::WouldDeadlock>([&] { (void)open[0].wait_for(std::chrono::hours(1)); }),
                  throws<drover::WouldDeadlock>([&] { (void)drover::wait_any(open); }),
                  throws<drover::WouldDeadlock>([&] { drover::wait_all(open); }),
                  throws<drover::WouldDeadlock>([&] { (void)drover::as_completed(open).begin(); }),
                  !open[0].cancel(),
                  !open[0].progress(),
                  std::move(ended).then([](TaskHandle<int> task) { return task.get() + 1; }).get() == 6};
        }) == 0);
  gate.let_go();
  CHECK(open[0].get() > 0);
  CHECK(open[1].get() == 6);
}

TEST_CASE("in a forked child an inherited coordinator takes nothing, tells nothing and can be destroyed") {
  Gate gate;
  auto coordinator = std::make_unique<drover::Coordinator>(drover::Options{.workers = 1, .max_queued = 1});
  auto held = coordinator->submit<&wait_at>(gate.path());
  gate.heard();
  // Another thread waits in it at the moment of the fork.
  std::thread waiter([&] {
    drover::test::say(gate.path(), "waits");
    CHECK(coordinator->submit<&number>(1).get() == 1);
  });
  gate.heard();
  CHECK(in_child([&]() -> std::vector<bool> {
          const bool none = throws<drover::ShutDown>([&] { (void)coordinator->submit<&number>(1); }) &&
                            throws<drover::ShutDown>([&] { (void)coordinator->try_submit<&number>(1); }) &&
                            throws<drover::ShutDown>([&] { (void)coordinator->broadcast<&number>(1); });
          const bool no_map =
              throws<drover::ShutDown>([&] { (void)coordinator->map<&number>(std::vector{1}).begin(); });
          const bool no_workers = coordinator->worker_pids().empty();
          coordinator->shutdown();
          coordinator->shutdown(drover::Pending::Cancel);
          coordinator.reset();
          held = {};
          return {none, no_map, no_workers};
        }) == 0);
  gate.let_go();
  waiter.join();
  CHECK(held.get() > 0);
}

TEST_CASE("in a forked child groups and maps that were under way end at once") {
  Gate gate, maps;
  drover::Coordinator coordinator({.workers = 2});
  std::optional<drover::TaskGroup> group(std::in_place, coordinator);
  auto held = group->submit<&wait_at>(gate.path());
  gate.heard();
  using Map = decltype(coordinator.map<&wait_at>(std::vector<std::string>()));
  std::optional<Map> map(coordinator.map<&wait_at>(std::vector<std::string>(3, maps.path()), {.buffer = 2}));
  maps.let_go();
  auto at = map->begin();
  CHECK(in_child([&]() -> std::vector<bool> {
          const bool group_waits = throws<drover::WouldDeadlock>([&] { group->wait(); });
          const bool map_waits = throws<std::logic_error>([&] { ++at; });  // cannot take more, nor wait
          map.reset();
          group->cancel();
          group.reset();
          return {group_waits, map_waits};
        }) == 0);
  gate.let_go();
  maps.let_go(2);
  group->wait();
  CHECK(held.get() > 0);
  int read = 1;
  for (++at; at != map->end(); ++at) ++read;
  CHECK(read == 3);
}
