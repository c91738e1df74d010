// Order of starting, outcomes, retries, tasks that come back, lies.
#include "runner/plan/plan.hpp"

#include "tests/runner/plan_testing.hpp"

using namespace drover;
using namespace drover::plan_testing;

TEST_CASE("tasks are numbered from 1 and handed out in the order in which they were added") {
  TestPlan t;
  CHECK(t.add() == 1);
  CHECK(t.add_many(3) == 2);
  CHECK(t.add() == 5);
  CHECK(t.plan.take_ready(TaskKind::Command, 2) == TaskRun{.first = 1, .count = 2});
  CHECK(t.plan.take_ready(TaskKind::Command, 100) == TaskRun{.first = 3, .count = 3});
  CHECK(t.plan.take_ready(TaskKind::Command, 100) == std::nullopt);
  CHECK(t.told() == Actions{});
  CHECK(t.plan.counts() == PlanCounts{.total = 5, .handed_out = 5});
}

TEST_CASE("nothing is handed out to who wants nothing") {
  TestPlan t;
  t.add();
  CHECK(t.plan.take_ready(TaskKind::Command, 0) == std::nullopt);
  CHECK(t.plan.counts().ready == 1);
}

TEST_CASE("commands and functions have an order each") {
  TestPlan t;
  t.add();
  t.plan.add({.kind = TaskKind::Function, .group = 7}, t.actions);
  t.add();
  CHECK(t.plan.ready(TaskKind::Command) == 2);
  CHECK(t.plan.ready(TaskKind::Function) == 1);
  CHECK(t.plan.first_ready(TaskKind::Function) ==
        TaskRun{.first = 2, .count = 1, .kind = TaskKind::Function, .group = 7});
  CHECK(t.take_all(10, TaskKind::Function) == "2");
  CHECK(t.take_all(10) == "1 3");
}

TEST_CASE("a run holds tasks of one group, whatever their retries, and a task that is alone shares none") {
  TestPlan t;
  for (const std::uint32_t group : {4U, 4U, 5U}) t.plan.add({.group = group}, t.actions);
  t.plan.add({.group = 5, .retries = 3}, t.actions);
  t.plan.add({.group = 5, .alone = true}, t.actions);
  t.plan.add({.group = 5, .alone = true}, t.actions);
  t.plan.add({.group = 5}, t.actions);
  CHECK(t.plan.first_ready(TaskKind::Command) == TaskRun{.first = 1, .count = 2, .group = 4});
  CHECK(t.take(9) == TaskRun{.first = 1, .count = 2, .group = 4});
  CHECK(t.take(9) == TaskRun{.first = 3, .count = 2, .group = 5});
  CHECK(t.plan.first_ready(TaskKind::Command) == TaskRun{.first = 5, .count = 1, .group = 5, .alone = true});
  CHECK(t.take(9) == TaskRun{.first = 5, .count = 1, .group = 5, .alone = true});
  CHECK(t.take_all(9) == "6 7");
}

TEST_CASE("runs go on across blocks of records") {
  TestPlan t;
  t.add_many(3000);
  CHECK(t.take(1000).count == 1000);
  CHECK(t.take(3000) == TaskRun{.first = 1001, .count = 2000});
  CHECK(t.plan.on_succeeded(1, 3000, 1, t.actions));
  CHECK(t.told() == Actions{succeeded(1, 1, 3000)});
  CHECK(t.plan.counts() == PlanCounts{.total = 3000, .succeeded = 3000});
}

TEST_CASE("an outcome is final when it is success, and a run's success is told once") {
  TestPlan t;
  t.add_many(5);
  t.take(5);
  t.succeed(2);
  CHECK(t.told() == Actions{succeeded(2)});
  CHECK(t.plan.on_succeeded(3, 3, 1, t.actions));
  CHECK(t.told() == Actions{succeeded(3, 1, 3)});
  CHECK(t.plan.counts() == PlanCounts{.total = 5, .handed_out = 1, .succeeded = 4});
}

TEST_CASE("what failed by itself is tried again as often as its retries say, then it has failed") {
  for (const OutcomeKind kind : {OutcomeKind::Failed, OutcomeKind::Signaled, OutcomeKind::WorkerLost,
                                 OutcomeKind::TimedOut, OutcomeKind::OutOfMemory}) {
    TestPlan t;
    t.add({}, 2);
    t.take();
    CHECK(t.outcome(1, kind));
    CHECK(t.told() == Actions{retry(1, 2)});
    CHECK(t.take() == TaskRun{.first = 1, .count = 1, .attempt = 2});
    CHECK(t.outcome(1, kind, 2));
    CHECK(t.told() == Actions{retry(1, 3)});
    t.take();
    CHECK(t.outcome(1, kind, 3));
    CHECK(t.told() == Actions{failed(1, 3)});
    CHECK(t.plan.counts() == PlanCounts{.total = 1, .failed = 1});
  }
}

TEST_CASE("what could not start has failed, and what was cancelled is cancelled, whatever retries are left") {
  TestPlan t;
  t.add_many(2, 5);
  t.take(2);
  CHECK(t.outcome(1, OutcomeKind::CouldNotStart));
  CHECK(t.outcome(2, OutcomeKind::Cancelled));
  CHECK(t.told() == Actions{failed(1), cancelled(2, 1)});
}

TEST_CASE("a retried task succeeds like any other") {
  TestPlan t;
  t.add({}, 1);
  t.take();
  t.fail(1);
  t.take();
  t.succeed(1, 2);
  CHECK(t.told() == Actions{retry(1, 2), succeeded(1, 2)});
}

TEST_CASE("retries without end are not taken for none") {
  TestPlan t;
  t.add({}, UINT32_MAX);
  t.take();
  t.fail(1);
  CHECK(t.told() == Actions{retry(1, 2)});
}

TEST_CASE("retried and returned tasks come before later ones, in order of their numbers") {
  TestPlan t;
  t.add_many(10, 1);
  t.take(6);
  t.fail(5);
  t.fail(2);
  CHECK(t.plan.put_back({.first = 3, .count = 2}, t.actions));
  CHECK(t.told() == Actions{retry(5, 2), retry(2, 2)});
  CHECK(t.take_all(10) == "2@2 3*2 5@2 7*4");
}

TEST_CASE("neighbours that come back one by one make one run again, with those that never left") {
  TestPlan t;
  t.add_many(6);
  t.take(4);
  for (const TaskId id : {4U, 2U, 3U}) CHECK(t.plan.put_back({.first = id, .count = 1}, t.actions));
  CHECK(t.take_all(10) == "2*5");
}

TEST_CASE("a task that comes back is not charged and keeps its attempt") {
  TestPlan t;
  t.add({}, 1);
  t.take();
  CHECK(t.plan.put_back({.first = 1, .count = 1}, t.actions));
  t.take();
  t.fail(1);
  t.take();
  CHECK(t.plan.put_back({.first = 1, .count = 1, .attempt = 2}, t.actions));
  CHECK(t.take() == TaskRun{.first = 1, .count = 1, .attempt = 2});
  CHECK(t.told() == Actions{retry(1, 2)});
}

TEST_CASE("a run of several groups that comes back goes out by groups") {
  TestPlan t;
  for (const std::uint32_t group : {1U, 1U, 2U}) t.plan.add({.group = group}, t.actions);
  t.plan.add({.kind = TaskKind::Function, .group = 2}, t.actions);
  t.take_all(10);
  t.take_all(10, TaskKind::Function);
  CHECK(t.plan.put_back({.first = 1, .count = 4}, t.actions));
  CHECK(t.take_all(10) == "1*2 3");
  CHECK(t.take_all(10, TaskKind::Function) == "4");
}

TEST_CASE("an event that cannot be true is refused and changes nothing") {
  TestPlan t;
  t.add_many(2000, 1);
  t.take(1500);
  t.fail(7);
  t.succeed(9);
  t.told();
  const PlanCounts before = t.plan.counts();

  const auto refused = [&](TaskId task, Attempt attempt) {
    return !t.plan.on_outcome(task, attempt, OutcomeKind::Succeeded, t.actions) &&
           !t.plan.on_outcome(task, attempt, OutcomeKind::Failed, t.actions) &&
           !t.plan.put_back({.first = task, .count = 1, .attempt = attempt}, t.actions);
  };
  CHECK(refused(0, 1));           // no such task
  CHECK(refused(2001, 1));        // not added
  CHECK(refused(UINT64_MAX, 1));  // nonsense
  CHECK(refused(1501, 1));        // not handed out
  CHECK(refused(7, 1));           // waits for its second attempt
  CHECK(refused(7, 2));           // not begun
  CHECK(refused(8, 2));           // another attempt
  CHECK(refused(8, 0));
  CHECK(refused(9, 1));  // final
  CHECK_FALSE(t.plan.on_outcome(8, 1, static_cast<OutcomeKind>(kLastOutcomeKind + 1), t.actions));

  const auto run_refused = [&](TaskId first, std::uint32_t count) {
    return !t.plan.on_succeeded(first, count, 1, t.actions) &&
           !t.plan.put_back({.first = first, .count = count}, t.actions);
  };
  CHECK_FALSE(t.plan.on_succeeded(1030, 2, 2, t.actions));  // another attempt, where none was retried
  CHECK(run_refused(10, 0));
  CHECK(run_refused(1, 7));        // one of them is not handed out
  CHECK(run_refused(1000, 502));   // the last one is not, in the next block
  CHECK(run_refused(1000, 2000));  // goes past the end
  CHECK(run_refused(10, UINT32_MAX));
  CHECK(t.told() == Actions{});
  CHECK(t.plan.counts() == before);
  CHECK(t.plan.on_succeeded(10, 1491, 1, t.actions));
}

TEST_CASE("an outcome is believed once, also when its block is gone") {
  TestPlan t;
  t.add_many(1024);
  t.take(1024);
  CHECK(t.plan.on_succeeded(1, 1024, 1, t.actions));
  t.told();
  CHECK_FALSE(t.plan.on_succeeded(1, 1, 1, t.actions));
  CHECK_FALSE(t.outcome(5, OutcomeKind::Failed));
  CHECK(t.told() == Actions{});
  CHECK(t.plan.state_of(5) == TaskState::Succeeded);
}

TEST_CASE("a run is over when its input has ended and all tasks are final") {
  TestPlan t;
  CHECK_FALSE(t.plan.over());
  t.add({}, 1);
  t.end_input();
  CHECK_FALSE(t.plan.over());
  t.take();
  CHECK_FALSE(t.plan.over());
  t.fail(1);
  CHECK_FALSE(t.plan.over());
  t.take();
  t.fail(1, 2);
  CHECK(t.plan.over());
  CHECK(t.told() == Actions{retry(1, 2), failed(1, 2)});
}

TEST_CASE("a run of nothing is over when its input has ended") {
  TestPlan t;
  t.end_input();
  CHECK(t.plan.over());
}

TEST_CASE("more input is wanted as long as few tasks are held that did not start") {
  TestPlan t;
  CHECK(t.plan.input_wanted(1));
  t.add_many(3);
  t.add({1});
  CHECK(t.plan.input_wanted(5));
  CHECK_FALSE(t.plan.input_wanted(4));
  t.take(2);
  CHECK(t.plan.input_wanted(3));
  t.end_input();
  CHECK_FALSE(t.plan.input_wanted(100));
}

TEST_CASE("of finished tasks a stream forgets all but their number") {
  TestPlan t({}, FinalStates::Forgotten);
  for (int block = 0; block < 3; ++block) {
    const TaskId first = t.add_many(kBlockTasks);
    t.take(kBlockTasks);
    t.fail(first);
    CHECK(t.plan.on_succeeded(first + 1, kBlockTasks - 1, 1, t.actions));
    CHECK(t.plan.state_of(first) == std::nullopt);
    CHECK(t.told() == Actions{failed(first), succeeded(first + 1, 1, kBlockTasks - 1)});
  }
  CHECK(t.plan.counts() == PlanCounts{.total = 3072, .succeeded = 3069, .failed = 3});
}
