// Tasks that need other tasks.
#include "tests/runner/plan_testing.hpp"

using namespace drover;
using namespace drover::plan_testing;

TEST_CASE("a task is ready when the last of its needs has succeeded") {
  TestPlan t;
  t.add();
  t.add();
  t.add({1, 2});
  CHECK(t.plan.counts() == PlanCounts{.total = 3, .waiting = 1, .ready = 2});
  CHECK(t.take_all(10) == "1*2");
  t.succeed(2);
  CHECK(t.take_all(10) == "");
  t.succeed(1);
  CHECK(t.told() == Actions{succeeded(2), succeeded(1)});
  CHECK(t.take_all(10) == "3");
}

TEST_CASE("a run that succeeds releases the followers of each of its tasks, lowest first") {
  TestPlan t;
  t.add_many(4);
  t.add({3});
  t.add({2, 4});
  t.add({9});
  t.add({1});
  t.add({8});
  t.end_input();
  CHECK(t.take_all(10) == "1*4");
  CHECK(t.plan.on_succeeded(1, 4, 1, t.actions));
  CHECK(t.told() == Actions{succeeded(1, 1, 4)});
  CHECK(t.take_all(10) == "5*2 8");
}

TEST_CASE("released tasks go before later ones that were ready all the time") {
  TestPlan t;
  t.add();
  t.add({1});
  t.add_many(3);
  CHECK(t.take(1).first == 1);
  t.succeed(1);
  CHECK(t.take_all(10) == "2*4");
}

TEST_CASE("a retry does not touch the followers") {
  TestPlan t;
  t.add({}, 1);
  t.add({1});
  t.take();
  t.fail(1);
  CHECK(t.told() == Actions{retry(1, 2)});
  CHECK(t.take_all(1) == "1@2");
  t.succeed(1, 2);
  CHECK(t.told() == Actions{succeeded(1, 2)});
  CHECK(t.take_all(1) == "2");
}

TEST_CASE("all that follow a failed task, near and far, are skipped once and because of it, in file order") {
  TestPlan t;
  t.add();              // 1
  t.add();              // 2
  t.add({1});           // 3
  t.add({6});           // 4: follows a later one
  t.add({3, 1});        // 5
  t.add({5, 2});        // 6
  t.add({2});           // 7: not concerned
  t.add({3, 5, 6, 4});  // 8
  t.end_input();
  CHECK(t.take_all(10) == "1*2");
  t.fail(1);
  CHECK(t.told() == Actions{failed(1), skip(3, 1), skip(4, 1), skip(5, 1), skip(6, 1), skip(8, 1)});
  t.succeed(2);
  CHECK(t.told() == Actions{succeeded(2)});
  CHECK(t.take_all(10) == "7");
  t.succeed(7);
  CHECK(t.plan.over());
  CHECK(t.plan.counts() == PlanCounts{.total = 8, .succeeded = 2, .failed = 1, .skipped = 5});
}

TEST_CASE(
    "a task that is added after its need failed or was skipped is skipped at once, because of the failed "
    "one") {
  TestPlan t;
  t.add();
  t.add({1});
  t.take();
  t.fail(1);
  CHECK(t.told() == Actions{failed(1), skip(2, 1)});
  t.add({2});
  CHECK(t.told() == Actions{skip(3, 1)});
  t.add({3});
  CHECK(t.told() == Actions{skip(4, 1)});
}

TEST_CASE("a task that is added after its need succeeded is ready") {
  TestPlan t;
  t.add();
  t.take();
  t.succeed(1);
  t.add({1});
  CHECK(t.take_all(1) == "2");
}

TEST_CASE("the end of a need is remembered after its block of records is gone") {
  TestPlan t;
  t.add();
  t.add({1});
  t.add_many(3 * kBlockTasks);
  t.take(1);
  t.fail(1);
  while (const auto run = t.plan.take_ready(TaskKind::Command, 512)) {
    CHECK(t.plan.on_succeeded(run->first, run->count, 1, t.actions));
  }
  t.told();
  CHECK(t.plan.state_of(1) == TaskState::Failed);
  CHECK(t.plan.state_of(2) == TaskState::Skipped);
  CHECK(t.plan.state_of(3) == TaskState::Succeeded);
  CHECK(t.plan.state_of(2000) == TaskState::Succeeded);  // a block without failures
  const TaskId after_failed = t.add({1});
  const TaskId after_skipped = t.add({2});
  const TaskId after_succeeded = t.add({3, 2000});
  CHECK(t.told() == Actions{skip(after_failed, 1), skip(after_skipped, 1)});
  CHECK(t.plan.state_of(after_succeeded) == TaskState::Ready);
}

TEST_CASE("a need that is skipped when it is added takes those along that were waiting for it") {
  TestPlan t;
  t.add();
  t.add({4});
  t.add({2});
  t.take();
  t.fail(1);
  t.add({1});
  t.end_input();
  CHECK(t.told() == Actions{failed(1), skip(4, 1), skip(2, 1), skip(3, 1)});
  CHECK(t.plan.over());
}

TEST_CASE("later needs may be added as a run") {
  TestPlan t;
  t.add({3});
  CHECK(t.told() == Actions{});
  CHECK(t.add_many(3) == 2);
  CHECK(t.take_all(10) == "2*3");
  t.succeed(3);
  CHECK(t.take_all(10) == "1");
}

TEST_CASE("a need that is named twice is met once") {
  TestPlan t;
  t.add();
  t.add({1, 1});
  t.take();
  t.succeed(1);
  CHECK(t.take_all(1) == "2");
}

TEST_CASE("a skipped task stays skipped when its other needs succeed, also when its block is gone") {
  TestPlan t;
  t.add_many(kBlockTasks);
  const TaskId fails = t.add();
  const TaskId both = t.add({1, fails});
  const TaskId rest = t.add_many(kBlockTasks - 2);
  CHECK(t.take_all(4096) == "1*1025 1027*1022");
  t.fail(fails);
  CHECK(t.told() == Actions{failed(fails), skip(both, fails)});
  CHECK(t.plan.on_succeeded(rest, kBlockTasks - 2, 1, t.actions));
  t.succeed(1);
  CHECK(t.told() == Actions{succeeded(rest, 1, kBlockTasks - 2), succeeded(1)});
  CHECK(t.plan.state_of(both) == TaskState::Skipped);
}

TEST_CASE("a long chain is skipped without recursion") {
  TestPlan t;
  constexpr TaskId kLength = 200'000;
  t.add();
  for (TaskId id = 2; id <= kLength; ++id) t.add({id - 1});
  t.end_input();
  t.take();
  t.fail(1);
  const Actions told = t.told();
  REQUIRE(told.size() == kLength);
  CHECK(told.back() == skip(kLength, 1));
  CHECK(t.plan.over());
}
