// Continuations: what is called when a task has ended, and on which side of which end.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using drover::TaskHandle;
using drover::test::Gate;

namespace {

int plus_one(int number) {
  return number + 1;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int fail() {
  throw std::out_of_range("beyond");
}

}  // namespace

TEST_CASE("a continuation gets the ended task, and its handle stands for what it returns") {
  drover::Coordinator coordinator({.workers = 1});
  auto text = coordinator.submit<&plus_one>(1)
                  .then([](TaskHandle<int> task) { return task.get() * 10; })
                  .then([](TaskHandle<int> task) { return std::to_string(task.get()); })
                  .then([](TaskHandle<std::string> task) { return task.get() + "!"; });
  CHECK(text.get() == "20!");
  CHECK(text.get() == "20!");
  CHECK(text.state() == drover::TaskStatus::Succeeded);
  bool called = false;
  coordinator.submit<&plus_one>(1).then([&](TaskHandle<int>) { called = true; }).get();
  CHECK(called);
}

TEST_CASE("a continuation is called on a thread of the coordinator, whether its task has ended or not") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  const auto thread = [](TaskHandle<int>) { return std::this_thread::get_id(); };
  auto before = coordinator.submit<&wait_at>(gate.path()).then(thread);
  gate.let_go();
  auto ended = coordinator.submit<&plus_one>(1);
  ended.wait();
  auto after = std::move(ended).then(thread);
  CHECK(before.get() == after.get());
  CHECK(before.get() != std::this_thread::get_id());
}

TEST_CASE(
    "what a continuation throws goes to who asks for its value, the next ones are called all the same") {
  drover::Coordinator coordinator({.workers = 1});
  auto thrown = coordinator.submit<&plus_one>(1).then(
      [](TaskHandle<int>) -> int { throw std::domain_error("in a continuation"); });
  auto next = coordinator.submit<&plus_one>(2).then([](TaskHandle<int> task) { return task.get(); });
  CHECK_THROWS_WITH_AS(thrown.get(), "in a continuation", std::domain_error);
  CHECK(thrown.state() == drover::TaskStatus::Failed);
  CHECK(thrown.error() != nullptr);
  CHECK(next.get() == 3);
  // A failure that nobody handles goes through.
  auto through = coordinator.submit<&fail>()
                     .then([](TaskHandle<int> task) { return task.get(); })
                     .then([](TaskHandle<int> task) { return task.get(); });
  CHECK_THROWS_WITH_AS(through.get(), "beyond", std::out_of_range);
}

TEST_CASE("a cancelled task has its continuation called, too") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  auto queued = coordinator.submit<&plus_one>(1);
  CHECK(queued.cancel());
  auto told = std::move(queued).then([](TaskHandle<int> task) { return task.state(); });
  CHECK(told.get() == drover::TaskStatus::Cancelled);
  gate.let_go();
}

TEST_CASE("continuations of several tasks are called in the order in which these ended") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  std::vector<int> order;  // on the one thread that calls
  std::vector<TaskHandle<void>> told;
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  for (int i = 0; i < 50; ++i)
    told.push_back(
        coordinator.submit<&plus_one>(i).then([&order, i](TaskHandle<int>) { order.push_back(i); }));
  gate.let_go();
  drover::wait_all(told);
  for (int i = 0; i < 50; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a continuation may submit and wait for tasks") {
  drover::Coordinator coordinator({.workers = 1});
  auto value = coordinator.submit<&plus_one>(1).then(
      [&](TaskHandle<int> task) { return coordinator.submit<&plus_one>(task.get()).get(); });
  CHECK(value.get() == 3);
}

TEST_CASE("a continuation that waits for a later one of its thread is told that it would wait for ever") {
  drover::Coordinator coordinator({.workers = 1});
  TaskHandle<int> later;
  Gate gate;
  auto first = coordinator.submit<&plus_one>(1).then([&](TaskHandle<int>) {
    drover::test::meet(gate.path());
    return later.get();
  });
  gate.heard();
  later = coordinator.submit<&plus_one>(2).then([](TaskHandle<int> task) { return task.get(); });
  gate.let_go();
  CHECK_THROWS_AS(first.get(), drover::WouldDeadlock);
  CHECK(later.get() == 3);
  // What has ended can be had.
  CHECK(coordinator.submit<&plus_one>(1).then([&](TaskHandle<int>) { return later.get(); }).get() == 3);
  // So do wait_any, as_completed and a group.
  TaskHandle<int> never;
  auto gathered = coordinator.submit<&plus_one>(1).then([&](TaskHandle<int>) {
    drover::test::meet(gate.path());
    const std::vector<TaskHandle<int>*> all{&never};
    auto handles = all | std::views::transform([](auto* each) -> TaskHandle<int>& { return *each; });
    return static_cast<int>(drover::wait_any(handles));
  });
  gate.heard();
  never = coordinator.submit<&plus_one>(2).then([](TaskHandle<int> task) { return task.get(); });
  gate.let_go();
  CHECK_THROWS_AS(gathered.get(), drover::WouldDeadlock);
}

TEST_CASE("then works when the coordinator is gone, on the thread that calls it") {
  TaskHandle<int> ended;
  {
    drover::Coordinator coordinator({.workers = 1});
    ended = coordinator.submit<&plus_one>(1);
  }
  auto value = std::move(ended).then([caller = std::this_thread::get_id()](TaskHandle<int> task) {
    return std::this_thread::get_id() == caller ? task.get() : -1;
  });
  CHECK(value.get() == 2);
  CHECK(std::move(value).then([](TaskHandle<int> task) { return task.get() + 1; }).get() == 3);
}

TEST_CASE("shutdown waits for continuations, and for those that these add") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  bool inner = false;
  auto outer = coordinator.submit<&wait_at>(gate.path()).then([&](TaskHandle<int> task) {
    (void)std::move(task).then([&](TaskHandle<int>) { inner = true; });
  });
  gate.heard();
  gate.let_go();
  coordinator.shutdown();
  CHECK(outer.ready());
  CHECK(inner);
}

TEST_CASE("a continuation may shut its coordinator down, while another thread does the same") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto shut = coordinator.submit<&plus_one>(1).then([&](TaskHandle<int>) {
    drover::test::meet(gate.path());
    coordinator.shutdown();
    return 1;
  });
  gate.heard();
  std::thread other([&] { coordinator.shutdown(); });
  while (!coordinator.worker_pids().empty()) std::this_thread::yield();  // now it waits for the continuation
  gate.let_go();
  other.join();
  CHECK(shut.get() == 1);
  CHECK_THROWS_AS((void)coordinator.submit<&plus_one>(1), drover::ShutDown);
}

TEST_CASE("a continuation may destroy its coordinator") {
  auto coordinator = std::make_unique<drover::Coordinator>(drover::Options{.workers = 1});
  auto gone = coordinator->submit<&plus_one>(1).then([&](TaskHandle<int> task) {
    coordinator.reset();
    return task.get();
  });
  CHECK(gone.get() == 2);
}

TEST_CASE("who cancels a continuation is told that it cannot be") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto value = coordinator.submit<&wait_at>(gate.path()).then([](TaskHandle<int>) { return 1; });
  gate.heard();
  CHECK_FALSE(value.cancel());
  CHECK_FALSE(value.progress());
  gate.let_go();
  CHECK(value.get() == 1);
}
