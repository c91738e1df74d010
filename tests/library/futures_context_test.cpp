// What a function learns from its Context, and what it says through it.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

using drover::test::Gate;

namespace {

int report(std::string gate, drover::Context& context) {
  context.progress(1, 3);
  drover::test::meet(gate);
  context.progress(2, 3, "almost");
  drover::test::meet(gate);
  return 0;
}
int report_nothing(std::string gate) {
  return drover::test::meet(gate);
}
void report_and_die(drover::Context& context) {
  context.progress(7, 10, "last words");
  ::raise(SIGKILL);
}
std::string identity(drover::Context& context) {
  return std::string(context.name()) + " " + std::to_string(context.task()) + " " +
         std::to_string(context.attempt());
}
std::uint64_t seed(int, drover::Context& context) {
  return context.seed();
}
std::uint32_t slot(std::string gate, drover::Context& context) {
  drover::test::meet(gate);
  return context.slot();
}
// The seed is said by each attempt; the last one returns.
std::uint32_t until(std::uint32_t attempt, std::string gate, drover::Context& context) {
  drover::test::say(gate, std::to_string(context.seed()));
  if (context.attempt() < attempt) {
    if (context.attempt() % 2 == 0) ::raise(SIGKILL);
    throw std::runtime_error("attempt " + std::to_string(context.attempt()));
  }
  return context.attempt();
}
struct Counter {
  explicit Counter(int first) : next(first) {
    if (first < 0) throw std::invalid_argument("negative");
  }
  int next;
};
std::pair<int, int> count(int first, drover::Context& context) {
  return {::getpid(), context.worker_local<Counter>(first).next++};
}
bool is_asked_to_stop(drover::Context& context) {
  return context.stop_requested() || context.stop_token().stop_requested();
}

}  // namespace

TEST_CASE("progress is what the running task said last, and nothing before and after") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  auto task = coordinator.submit<&report>(gate.path());
  Gate other;
  auto silent = coordinator.submit<&report_nothing>(other.path());
  gate.heard();
  other.heard();
  CHECK_FALSE(silent.progress());
  auto progress = task.progress();
  REQUIRE(progress);
  CHECK(progress->done == 1);
  CHECK(progress->total == 3);
  CHECK(progress->text.empty());
  gate.let_go();
  gate.heard();
  progress = task.progress();
  REQUIRE(progress);
  CHECK(progress->done == 2);
  CHECK(progress->text == "almost");
  gate.let_go();
  other.let_go();
  task.wait();
  CHECK_FALSE(task.progress());
  // The next one in that worker has said nothing.
  auto next = coordinator.submit<&report_nothing>(gate.path());
  gate.heard();
  CHECK_FALSE(next.progress());
  gate.let_go();
}

TEST_CASE("who dies leaves its progress and its peak of memory behind") {
  drover::Coordinator coordinator({.workers = 1});
  try {
    coordinator.submit<&report_and_die>().get();
    FAIL("it did not die");
  } catch (const drover::WorkerDied& died) {
    CHECK(died.account().progress_done == 7);
    CHECK(died.account().progress_total == 10);
    CHECK(died.account().progress_text == "last words");
    CHECK(died.account().peak_memory_bytes > 0);
  }
}

TEST_CASE("a task knows its name, its number and which attempt it is") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK(coordinator.submit<&identity>({.name = "shot 12"}).get() == "shot 12 1 1");
  CHECK(coordinator.submit<&identity>().get() == " 2 1");
  const std::string longest(10'000, 'n');
  CHECK(coordinator.submit<&identity>({.name = longest}).get() == longest + " 3 1");
}

TEST_CASE("tasks that run at once have slots of their own") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 3});
  std::vector<drover::TaskHandle<std::uint32_t>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(coordinator.submit<&slot>(gate.path()));
  for (int i = 0; i < 3; ++i) gate.heard();
  gate.let_go(3);
  std::set<std::uint32_t> slots;
  for (auto& task : tasks) slots.insert(task.get());
  CHECK(slots == std::set<std::uint32_t>{1, 2, 3});
}

TEST_CASE("a task's seed depends on the coordinator's and on its number, not on worker or attempt") {
  const auto seeds = [](std::uint64_t seed_of_all, unsigned workers) {
    drover::Coordinator coordinator({.workers = workers, .seed = seed_of_all});
    std::vector<std::uint64_t> all;
    for (const std::uint64_t each : coordinator.map<&seed>(std::views::iota(0, 100))) all.push_back(each);
    return all;
  };
  const auto first = seeds(1, 1);
  CHECK(first == seeds(1, 3));
  CHECK(first != seeds(2, 1));
  CHECK(std::set(first.begin(), first.end()).size() == 100);
}

TEST_CASE("retries: each attempt knows its number and has the same seed, whatever ended the one before") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&until>(5U, gate.path(), {.retries = 10});
  CHECK(task.get() == 5);
  CHECK(task.info().attempts == 5);
  std::set<std::string> seeds;
  for (int i = 0; i < 5; ++i) seeds.insert(gate.heard());
  CHECK(seeds.size() == 1);
  auto failing = coordinator.submit<&until>(9U, gate.path(), {.retries = 2});
  try {
    failing.get();
    FAIL("it did not throw");
  } catch (const std::runtime_error& last) {
    CHECK(std::string(last.what()) == "attempt 3");
    CHECK(dynamic_cast<const drover::RemoteDetails&>(last).attempt() == 3);
  }
  auto once = coordinator.submit<&until>(2U, gate.path());
  CHECK_THROWS_WITH_AS(once.get(), "attempt 1", std::runtime_error);
}

TEST_CASE("worker_local is made once in each worker, by whoever comes first and can") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK_THROWS_AS(coordinator.submit<&count>(-1).get(), std::invalid_argument);
  const auto [pid, first] = coordinator.submit<&count>(10).get();
  CHECK(first == 10);
  CHECK(coordinator.submit<&count>(99).get() == std::pair(pid, 11));
  drover::test::kill_and_wait(pid);
  CHECK(coordinator.submit<&count>(50).get().second == 50);
}

TEST_CASE("a stop that was meant for one task is not heard by the next in its worker") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .grace = std::chrono::hours(1)});
  constexpr auto listens = [](std::string path, drover::Context& context) {
    (void)context.stop_requested();
    drover::test::meet(path);
    const bool asked = context.stop_requested();
    drover::test::say(path, asked ? "asked" : "not asked");
    return ::getpid();
  };
  auto task = coordinator.submit<listens>(gate.path());
  gate.heard();
  CHECK(task.cancel());
  CHECK_FALSE(task.wait_for(std::chrono::seconds(0)));
  (void)coordinator.worker_pids();  // asked for after the cancellation, so that has been passed on
  gate.let_go();
  CHECK(gate.heard() == "asked");
  CHECK(task.get() > 0);
  CHECK_FALSE(coordinator.submit<&is_asked_to_stop>().get());
}
