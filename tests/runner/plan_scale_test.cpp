// What the plan costs in memory at the sizes it is made for.
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <random>

#include "tests/runner/plan_testing.hpp"

using namespace drover;
using namespace drover::plan_testing;

namespace {

// Bytes that malloc has handed out.
std::size_t heap_in_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Sanitizers and valgrind bring a malloc of their own, which does not tell.
bool heap_is_measured() {
  const std::size_t before = heap_in_use();
  const auto some = std::make_unique<std::vector<char>>(1 << 20);
  return heap_in_use() >= before + some->size();
}

}  // namespace

TEST_CASE("a million tasks with two million needs take at most 100 bytes each") {
  constexpr TaskId kTasks = 1'000'000;
  const bool measured = heap_is_measured();
  const std::size_t before = heap_in_use();
  std::size_t most_held = 0;
  std::mt19937_64 random(1);
  Actions actions;
  Plan plan;
  for (TaskId id = 1; id <= kTasks; ++id) {
    std::vector<TaskId> after;
    for (int i = 0; i < 2 && id > 2; ++i) after.push_back(1 + random() % (id - 1));
    plan.add({.after = after}, actions);
  }
  plan.input_ended(actions);
  CHECK(actions.empty());

  std::uint64_t finals = 0;
  std::vector<TaskRun> runs;
  while (!plan.over()) {
    while (const auto run = plan.take_ready(TaskKind::Command, 32)) runs.push_back(*run);
    most_held = std::max(most_held, heap_in_use() - runs.capacity() * sizeof(TaskRun));
    REQUIRE_FALSE(runs.empty());
    for (const TaskRun& run : runs) {
      actions.clear();
      REQUIRE(plan.on_succeeded(run.first, run.count, run.attempt, actions));
      finals += run.count;
    }
    runs.clear();
  }
  CHECK(finals == kTasks);
  CHECK(plan.counts() == PlanCounts{.total = kTasks, .succeeded = kTasks});
  plan.check_invariants();
  if (measured) CHECK((most_held - before) / kTasks <= 100);
}

TEST_CASE("a stream of twenty million tasks, some of which fail, leaves nothing behind") {
  constexpr TaskId kTasks = 20'000'000;
  const bool measured = heap_is_measured();
  const std::size_t before = heap_in_use();
  std::size_t most_held = 0;
  Actions actions;
  actions.reserve(64);
  Plan plan({}, FinalStates::Forgotten);
  while (plan.counts().total < kTasks) {
    while (plan.input_wanted(5000)) plan.add_run(1000, TaskKind::Function, 0, 1, actions);
    for (int i = 0; i < 40; ++i) {
      const auto run = plan.take_ready(TaskKind::Function, 64);
      REQUIRE(run);
      actions.clear();
      REQUIRE(plan.on_outcome(run->first, run->attempt, OutcomeKind::Failed, actions));
      if (run->count == 1) continue;
      REQUIRE(plan.on_succeeded(run->first + 1, run->count - 1, run->attempt, actions));
    }
    most_held = std::max(most_held, heap_in_use());
  }
  plan.check_invariants();
  CHECK(plan.counts().failed > 0);
  if (measured) CHECK(most_held - before <= 256 * 1024);
}

TEST_CASE("a task that runs while ten million pass by holds up its own block alone") {
  const bool measured = heap_is_measured();
  const std::size_t before = heap_in_use();
  Actions actions;
  actions.reserve(64);
  Plan plan;
  plan.add({}, actions);
  REQUIRE(plan.take_ready(TaskKind::Command, 1));
  for (int i = 0; i < 1000; ++i) {
    plan.add_run(10'000, TaskKind::Command, 0, 0, actions);
    while (const auto run = plan.take_ready(TaskKind::Command, 64)) {
      actions.clear();
      REQUIRE(plan.on_succeeded(run->first, run->count, 1, actions));
    }
  }
  plan.check_invariants();
  if (measured) CHECK(heap_in_use() - before <= 256 * 1024);
  REQUIRE(plan.on_outcome(1, 1, OutcomeKind::Succeeded, actions));
  CHECK(plan.counts() == PlanCounts{.total = 10'000'001, .succeeded = 10'000'001});
}

TEST_CASE("a stream in which each task needs an earlier one leaves nothing behind") {
  const bool measured = heap_is_measured();
  const std::size_t before = heap_in_use();
  Actions actions;
  actions.reserve(64);
  Plan plan;
  TaskId added = 0;
  for (TaskId done = 1; done <= 300'000; ++done) {
    while (plan.input_wanted(200)) {
      const std::vector<TaskId> after(added == 0 ? 0 : 1, added);
      added = plan.add({.after = after}, actions);
    }
    const auto run = plan.take_ready(TaskKind::Command, 1);
    REQUIRE(run);
    actions.clear();
    REQUIRE(plan.on_outcome(run->first, 1, OutcomeKind::Succeeded, actions));
  }
  plan.check_invariants();
  if (measured) CHECK(heap_in_use() - before <= 256 * 1024);
}
