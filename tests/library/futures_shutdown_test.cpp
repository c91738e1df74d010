// The end of a coordinator, in every state, and who is told what.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/e2e/processes.hpp"
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
int deaf(std::string gate) {
  drover::test::say(gate, "runs");
  for (;;) ::pause();
}
int listen(std::string gate, drover::Context& context) {
  (void)context.stop_requested();  // from here on it is known to listen
  drover::test::say(gate, "runs");
  while (!context.stop_requested()) std::this_thread::yield();
  drover::test::say(gate, "stops");
  return 1;
}
bool alive(int pid) {
  return !drover::test::proc_file(pid, "cmdline").empty();
}

}  // namespace

TEST_CASE("a coordinator that was never used is gone at once") {
  drover::Coordinator coordinator({.workers = 4});
  coordinator.shutdown();
  drover::Coordinator cancelled({.workers = 4});
  cancelled.shutdown(drover::Pending::Cancel);
}

TEST_CASE("shutdown waits for all that was submitted, queued or running, and leaves no worker") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 3000; ++i) tasks.push_back(coordinator.submit<&number>(i));
  const auto pids = coordinator.worker_pids();
  coordinator.shutdown();
  for (int i = 0; i < 3000; ++i) {
    CHECK(tasks[static_cast<std::size_t>(i)].ready());
    CHECK(tasks[static_cast<std::size_t>(i)].get() == i);
  }
  for (const int pid : pids) CHECK_FALSE(alive(pid));
}

TEST_CASE("shutdown twice, by the same thread and by several, of either sort") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&number>(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      coordinator.shutdown();
      CHECK(task.ready());
    });
  for (auto& thread : threads) thread.join();
  coordinator.shutdown();
  coordinator.shutdown(drover::Pending::Cancel);
  CHECK(task.get() == 1);
}

TEST_CASE(
    "after shutdown everything that would start something says ShutDown, the rest has nothing to tell") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK(coordinator.submit<&number>(1).get() == 1);
  coordinator.shutdown();
  CHECK_THROWS_AS((void)coordinator.submit<&number>(1), drover::ShutDown);
  CHECK_THROWS_AS((void)coordinator.try_submit<&number>(1), drover::ShutDown);
  CHECK_THROWS_AS((void)coordinator.broadcast<&number>(1), drover::ShutDown);
  CHECK_THROWS_AS((void)coordinator.map<&number>(std::vector{1}).begin(), drover::ShutDown);
  drover::TaskGroup group(coordinator);
  CHECK_THROWS_AS((void)group.submit<&number>(1), drover::ShutDown);
  group.wait();
  CHECK(coordinator.worker_pids().empty());
  CHECK(coordinator.workers() == 1);
}

TEST_CASE("shutdown with Cancel ends what runs and what waits, however much that is") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 100'000});
  auto running = coordinator.submit<&deaf>(gate.path());
  std::vector<drover::TaskHandle<int>> queued;
  for (int i = 0; i < 30'000; ++i) queued.push_back(coordinator.submit<&number>(i));
  gate.heard();
  coordinator.shutdown(drover::Pending::Cancel);
  CHECK(running.state() == TaskStatus::Cancelled);
  for (auto& each : queued) {
    REQUIRE(each.ready());
    REQUIRE(each.state() == TaskStatus::Cancelled);
  }
}

TEST_CASE("shutdown with Cancel while tasks come in: each ends in some way") {
  for (int round = 0; round < 20; ++round) {
    drover::Coordinator coordinator({.workers = 2});
    std::vector<drover::TaskHandle<int>> tasks;
    for (int i = 0; i < 200 * round; ++i) tasks.push_back(coordinator.submit<&number>(i));
    coordinator.shutdown(drover::Pending::Cancel);
    for (auto& each : tasks) {
      REQUIRE(each.ready());
      const bool sound = each.state() == TaskStatus::Succeeded || each.state() == TaskStatus::Cancelled;
      REQUIRE(sound);
    }
  }
}

TEST_CASE("a task that listens is told of a shutdown with Cancel and may finish") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  auto task = coordinator.submit<&listen>(gate.path());
  CHECK(gate.heard() == "runs");
  coordinator.shutdown(drover::Pending::Cancel);
  CHECK(gate.heard() == "stops");
  CHECK(task.get() == 1);
}

TEST_CASE("what waits is cancelled at once, though what runs may take its time") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = 1h});
  constexpr auto finish = [](std::string path, drover::Context& context) {
    (void)context.stop_requested();
    drover::test::meet(path);
  };
  auto running = coordinator.submit<finish>(gate.path());
  gate.heard();
  std::vector<drover::TaskHandle<int>> queued;
  for (int i = 0; i < 30'000; ++i) queued.push_back(coordinator.submit<&number>(i));
  std::thread closer([&] { coordinator.shutdown(drover::Pending::Cancel); });
  CHECK_THROWS_AS((void)queued.back().get(), drover::Cancelled);
  CHECK_THROWS_AS((void)queued.front().get(), drover::Cancelled);
  CHECK_FALSE(running.ready());
  gate.let_go();
  closer.join();
  running.get();
}

TEST_CASE("Cancel comes through although another thread waits for the end already") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&deaf>(gate.path());
  gate.heard();
  std::thread patient([&] { coordinator.shutdown(); });
  coordinator.shutdown(drover::Pending::Cancel);
  patient.join();
  CHECK(task.state() == TaskStatus::Cancelled);
}

TEST_CASE("destroying a coordinator waits for its tasks") {
  Gate gate;
  drover::TaskHandle<int> task;
  std::atomic<bool> gone{false};
  std::thread owner([&] {
    {
      drover::Coordinator coordinator({.workers = 1});
      task = coordinator.submit<&wait_at>(gate.path());
      drover::test::say(gate.path(), "submitted");
    }
    gone = true;
  });
  gate.heard();
  gate.heard();
  CHECK_FALSE(gone);
  gate.let_go();
  owner.join();
  CHECK(task.ready());
  CHECK(task.get() > 0);
}

TEST_CASE("a coordinator that an exception destroys cancels its tasks") {
  Gate gate;
  drover::TaskHandle<int> running, queued;
  try {
    drover::Coordinator coordinator({.workers = 1});
    running = coordinator.submit<&deaf>(gate.path());
    queued = coordinator.submit<&number>(1);
    gate.heard();
    throw std::runtime_error("something else");
  } catch (const std::runtime_error& thrown) {
    CHECK(std::string(thrown.what()) == "something else");
  }
  CHECK(running.state() == TaskStatus::Cancelled);
  CHECK(queued.state() == TaskStatus::Cancelled);
}

TEST_CASE("threads that submit while another shuts down get a task that ends, or ShutDown") {
  for (int round = 0; round < 20; ++round) {
    drover::Coordinator coordinator({.workers = 2});
    std::vector<std::thread> threads;
    std::atomic<int> taken{0}, ended{0};
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        try {
          for (;;) {
            auto task = coordinator.submit<&number>(1);
            ++taken;
            ended += task.get();
          }
        } catch (const drover::ShutDown&) {
        }
      });
    while (taken < 20) std::this_thread::yield();
    coordinator.shutdown();
    for (auto& thread : threads) thread.join();
    CHECK(taken == ended);
  }
}

TEST_CASE("whoever waits for room when the coordinator is shut down is told so") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 1});
  auto held = coordinator.submit<&deaf>(gate.path());
  gate.heard();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      CHECK_FALSE(coordinator.try_submit<&number>(1));
      drover::test::say(gate.path(), "full");
      CHECK_THROWS_AS((void)coordinator.submit<&number>(1), drover::ShutDown);
    });
  for (int i = 0; i < 3; ++i) gate.heard();
  coordinator.shutdown(drover::Pending::Cancel);
  for (auto& thread : threads) thread.join();
  CHECK(held.state() == TaskStatus::Cancelled);
}

TEST_CASE("shutdown while workers only start, or have just died") {
  for (const auto pending : {drover::Pending::Finish, drover::Pending::Cancel}) {
    drover::Coordinator starting({.workers = 4});
    std::vector<drover::TaskHandle<int>> tasks;
    for (int i = 0; i < 8; ++i) tasks.push_back(starting.submit<&number>(i));
    starting.shutdown(pending);
    for (auto& each : tasks) CHECK(each.ready());
    drover::Coordinator dying({.workers = 2});
    std::vector<drover::TaskHandle<void>> deaths;
    for (int i = 0; i < 8; ++i) deaths.push_back(dying.submit<[] { ::_exit(4); }>());
    dying.shutdown(pending);
    for (auto& each : deaths) {
      CHECK(each.ready());
      CHECK(each.error() != nullptr);
    }
  }
}

TEST_CASE("handles of many coordinators that are gone are freed in any order") {
  std::vector<drover::TaskHandle<std::string>> tasks;
  for (int i = 0; i < 5; ++i) {
    drover::Coordinator coordinator({.workers = 1});
    tasks.push_back(
        coordinator.submit<[](int size) { return std::string(static_cast<std::size_t>(size), 'x'); }>(i));
    tasks.push_back(
        coordinator.submit<[](int size) { return std::string(static_cast<std::size_t>(size), 'y'); }>(i));
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) CHECK(tasks[i].get().size() == i / 2);
  while (!tasks.empty()) tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(tasks.size() / 2));
}
