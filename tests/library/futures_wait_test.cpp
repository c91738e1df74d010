// Waiting for several tasks: the first one, all of them, each as it ends.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
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
int fail() {
  throw std::runtime_error("no");
}
int crash() {
  std::raise(SIGKILL);
  return 0;
}

}  // namespace

TEST_CASE("wait_any tells which one has ended first") {
  Gate first, second;
  drover::Coordinator coordinator({.workers = 2});
  std::vector<TaskHandle<int>> tasks;
  tasks.push_back(coordinator.submit<&wait_at>(first.path()));
  tasks.push_back(coordinator.submit<&wait_at>(second.path()));
  first.heard();
  second.heard();
  second.let_go();
  CHECK(drover::wait_any(tasks) == 1);
  CHECK(drover::wait_any(tasks) == 1);  // one that has ended already
  CHECK_FALSE(tasks[0].ready());
  first.let_go();
  drover::wait_all(tasks);
  CHECK(tasks[0].ready());
}

TEST_CASE("a failure, a death and a cancelled task end a wait like a value") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  for (auto* made : {+[](drover::Coordinator& c) { return c.submit<&fail>(); },
                     +[](drover::Coordinator& c) { return c.submit<&crash>(); },
                     +[](drover::Coordinator& c) {
                       auto task = c.submit<&number>(1);
                       (void)task.cancel();
                       return task;
                     }}) {
    std::vector<TaskHandle<int>> tasks;
    tasks.push_back(std::move(held));
    tasks.push_back(made(coordinator));
    CHECK(drover::wait_any(tasks) == 1);
    held = std::move(tasks[0]);
  }
  gate.let_go();
  held.get();
}

TEST_CASE("wait_any of nothing is a mistake, wait_all of nothing is over at once") {
  std::vector<TaskHandle<int>> none;
  CHECK_THROWS_AS((void)drover::wait_any(none), std::invalid_argument);
  drover::wait_all(none);
  for (auto& each : drover::as_completed(none)) FAIL("there is none: " << each.valid());
}

TEST_CASE("as_completed gives the tasks as they end") {
  drover::Coordinator coordinator({.workers = 3});
  Gate gates[3];
  std::vector<TaskHandle<int>> tasks;
  for (auto& gate : gates) tasks.push_back(coordinator.submit<&wait_at>(gate.path()));
  for (auto& gate : gates) gate.heard();
  gates[2].let_go();
  std::vector<std::ptrdiff_t> order;
  for (auto& each : drover::as_completed(tasks)) {
    CHECK(each.ready());
    order.push_back(&each - tasks.data());
    if (order.size() == 1) gates[0].let_go();
    if (order.size() == 2) gates[1].let_go();
  }
  CHECK(order == std::vector<std::ptrdiff_t>{2, 0, 1});
}

TEST_CASE("as_completed begins with those that have ended, and knows every end") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  std::vector<TaskHandle<int>> tasks;
  tasks.push_back(coordinator.submit<&wait_at>(gate.path()));
  tasks.push_back(coordinator.submit<&number>(1));
  tasks.push_back(coordinator.submit<&fail>());
  tasks.push_back(coordinator.submit<&crash>());
  gate.heard();
  for (std::size_t i = 1; i < 4; ++i) tasks[i].wait();
  int seen = 0;
  for (auto& each : drover::as_completed(tasks)) {
    if (++seen == 3) gate.let_go();
    if (seen == 4) CHECK(&each == &tasks[0]);
  }
  CHECK(seen == 4);
}

TEST_CASE("a task that stands twice in a range is given twice") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&number>(1);
  std::vector<TaskHandle<int>*> twice{&task, &task};
  auto handles = twice | std::views::transform([](auto* each) -> TaskHandle<int>& { return *each; });
  int seen = 0;
  for (auto& each : drover::as_completed(handles)) seen += each.get();
  CHECK(seen == 2);
}

TEST_CASE("as_completed may be left early, and begun again") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  std::vector<TaskHandle<int>> tasks;
  tasks.push_back(coordinator.submit<&wait_at>(gate.path()));
  tasks.push_back(coordinator.submit<&number>(1));
  for (int round = 0; round < 3; ++round)
    for (auto& each : drover::as_completed(tasks)) {
      CHECK(&each == &tasks[1]);
      break;
    }
  gate.let_go();
  int seen = 0;
  for (auto& each : drover::as_completed(tasks)) seen += each.ready();
  CHECK(seen == 2);
}

TEST_CASE("tasks of two coordinators and continuations are waited for together") {
  drover::Coordinator first({.workers = 1}), second({.workers = 1});
  std::vector<TaskHandle<int>> tasks;
  tasks.push_back(first.submit<&number>(1));
  tasks.push_back(second.submit<&number>(10));
  tasks.push_back(first.submit<&number>(50).then([](TaskHandle<int> task) { return 2 * task.get(); }));
  int sum = 0;
  for (auto& each : drover::as_completed(tasks)) sum += each.get();
  CHECK(sum == 111);
}

TEST_CASE("a handle that refers to no task cannot be waited for with others") {
  std::vector<TaskHandle<int>> tasks(1);
  CHECK_THROWS_AS((void)drover::wait_any(tasks), std::logic_error);
  CHECK_THROWS_AS(drover::wait_all(tasks), std::logic_error);
  CHECK_THROWS_AS((void)drover::as_completed(tasks), std::logic_error);
}

TEST_CASE("thousands of tasks as they end, each once") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<TaskHandle<int>> tasks;
  for (int i = 0; i < 5000; ++i) tasks.push_back(coordinator.submit<&number>(i));
  long sum = 0;
  for (auto& each : drover::as_completed(tasks)) sum += each.get();
  CHECK(sum == 5000L * 4999 / 2);
}
