// Calls that each worker makes before its tasks, while workers die.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

using namespace std::chrono_literals;

namespace drover::test {
namespace {

std::vector<int> said;  // in a worker

void say(int number) {
  said.push_back(number);
}
std::vector<int> what_was_said() {
  return said;
}
void nothing() {}
void crash() {
  ::raise(SIGKILL);
}
void refuse() {
  throw std::runtime_error("not in this worker");
}

const RestartOptions kHasty{.intensity = 2, .first_delay = 1ms, .most_delay = 1ms};

}  // namespace

TEST_CASE("each worker, and each that replaces one, makes all calls in their order before its first task") {
  Coordinator coordinator({.workers = 2, .output = FunctionOutput::Keep});
  coordinator.broadcast<&say>(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<TaskHandle<std::vector<int>>> asked;
    for (int i = 0; i < 50; ++i) asked.push_back(coordinator.submit<&what_was_said>({.retries = 50}));
    auto crashed = coordinator.submit<&crash>();
    if (round == 10) coordinator.broadcast<&say>(2).get();
    for (const int pid : coordinator.worker_pids()) ::kill(pid, SIGKILL);
    for (auto& each : asked) {
      const std::vector<int> heard = each.get();
      REQUIRE_FALSE(heard.empty());
      CHECK(heard[0] == 1);
      if (round > 10) CHECK(heard == std::vector{1, 2});
    }
    CHECK_THROWS_AS(crashed.get(), WorkerDied);
  }
}

TEST_CASE("no task that is submitted after a call overtakes it") {
  Coordinator coordinator({.workers = 2});
  // So that the coordinator is awake and looks for tasks at any moment.
  std::atomic<bool> enough = false;
  std::thread others([&] {
    while (!enough) coordinator.submit<&nothing>().get();
  });
  for (std::size_t calls = 1; calls <= 500; ++calls) {
    auto called = coordinator.broadcast<&say>(static_cast<int>(calls));
    CHECK(coordinator.submit<&what_was_said>().get().size() == calls);
  }
  enough = true;
  others.join();
}

TEST_CASE("a call also reaches workers that are only starting, though no task follows") {
  for (int round = 0; round < 20; ++round) {
    Coordinator coordinator({.workers = 4});
    std::vector<TaskHandle<void>> first;
    for (int i = 0; i < 4; ++i) first.push_back(coordinator.submit<&nothing>());
    first.front().get();
    coordinator.broadcast<&say>(1).get();
  }
}

TEST_CASE("a call in which every worker dies or throws gives up the coordinator, with its reason") {
  for (const bool dies : {true, false}) {
    CAPTURE(dies);
    Coordinator coordinator({.workers = 2, .restart = kHasty});
    coordinator.submit<&what_was_said>().get();
    auto called = dies ? coordinator.broadcast<&crash>() : coordinator.broadcast<&refuse>();
    auto task = coordinator.submit<&what_was_said>();
    CHECK_THROWS_AS(task.get(), CoordinatorFailed);
    called.wait();
    CHECK(called.state() != TaskStatus::Succeeded);
    if (dies)
      CHECK_THROWS_WITH_AS(called.get(), doctest::Contains("SIGKILL"), WorkerDied);
    else
      CHECK_THROWS_WITH_AS(called.get(), "not in this worker", std::runtime_error);
    CHECK_THROWS_AS((void)coordinator.submit<&what_was_said>(), CoordinatorFailed);
    CHECK_THROWS_AS((void)coordinator.broadcast<&say>(1), CoordinatorFailed);
  }
}

TEST_CASE("a call that is killed from outside now and then is made by the next worker") {
  Coordinator coordinator({.workers = 2});
  for (int round = 0; round < 10; ++round) {
    CHECK(coordinator.submit<&what_was_said>({.retries = 50}).get() ==
          std::vector<int>(static_cast<std::size_t>(round), 7));
    auto called = coordinator.broadcast<&say>(7);
    for (const int pid : coordinator.worker_pids()) ::kill(pid, SIGKILL);
    called.wait();  // Succeeded, or told of a worker that died in it
  }
}

}  // namespace drover::test
