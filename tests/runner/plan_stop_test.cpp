// What ends tasks, or the whole run, early: stop, halt rules, cancel.
#include "tests/runner/plan_testing.hpp"

using namespace drover;
using namespace drover::plan_testing;

namespace {

using When = HaltPolicy::When;
using Why = HaltPolicy::Why;

}  // namespace

TEST_CASE("a soon stop cancels what is not handed out, told in ranges, and lets the rest finish") {
  TestPlan t;
  t.add_many(1500, 1);
  t.add({1});
  CHECK(t.take(3).count == 3);
  t.fail(2);
  t.told();
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK(t.told() == Actions{cancelled(2, 1), cancelled(4, 0, 1498)});
  CHECK(t.plan.stopping() == StopKind::Soon);
  CHECK_FALSE(t.plan.over());
  CHECK(t.take_all(10) == "");

  t.succeed(1);  // its follower was cancelled
  t.fail(3);     // is not retried
  CHECK(t.told() == Actions{succeeded(1), failed(3)});
  CHECK(t.plan.over());
  CHECK(t.plan.counts() == PlanCounts{.total = 1501, .succeeded = 1, .failed = 1, .cancelled = 1499});
}

TEST_CASE("a now stop also asks for the end of what is handed out, whose outcomes are still due") {
  TestPlan t;
  t.add_many(6, 3);
  t.take(4);
  t.fail(2);
  t.take(1);
  t.told();
  t.plan.stop(StopKind::Now, t.actions);
  CHECK(t.told() == Actions{cancelled(5, 0, 2), end(1), end(2, 2), end(3, 1, 2)});
  CHECK_FALSE(t.plan.over());
  CHECK(t.outcome(1, OutcomeKind::Cancelled));
  CHECK(t.outcome(2, OutcomeKind::Signaled, 2));
  CHECK(t.plan.on_succeeded(3, 2, 1, t.actions));
  CHECK(t.told() == Actions{cancelled(1, 1), failed(2, 2), succeeded(3, 1, 2)});
  CHECK(t.plan.over());
}

TEST_CASE("a stop may become sharper, not milder, and is told once") {
  TestPlan t;
  t.add_many(2);
  t.take(1);
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK(t.told() == Actions{cancelled(2)});
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK(t.told() == Actions{});
  t.plan.stop(StopKind::Now, t.actions);
  CHECK(t.told() == Actions{end(1)});
  t.plan.stop(StopKind::Now, t.actions);
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK(t.told() == Actions{});
  CHECK(t.plan.stopping() == StopKind::Now);
}

TEST_CASE("what comes back in a run that is being stopped is cancelled") {
  TestPlan t;
  t.add_many(2, 1);
  t.take(2);
  t.fail(2);
  t.take(1);
  t.told();
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK(t.plan.put_back({.first = 1, .count = 1}, t.actions));
  CHECK(t.plan.put_back({.first = 2, .count = 1, .attempt = 2}, t.actions));
  CHECK(t.told() == Actions{cancelled(1), cancelled(2, 1)});
  CHECK(t.plan.over());
}

TEST_CASE("what is added to a run that is being stopped is cancelled, and no more is wanted") {
  TestPlan t;
  t.add({5});
  t.plan.stop(StopKind::Soon, t.actions);
  CHECK_FALSE(t.plan.input_wanted(100));
  CHECK(t.add() == 2);
  CHECK(t.add_many(2000) == 3);
  CHECK(t.told() == Actions{cancelled(1), cancelled(2), cancelled(3, 0, 2000)});
  CHECK(t.plan.over());
  t.end_input();
  CHECK(t.plan.over());
  CHECK(t.told() == Actions{});
}

TEST_CASE("a failing rule counts failed tasks, not attempts and not what is skipped because of them") {
  TestPlan t({.when = When::Soon, .why = Why::Fail, .count = 2});
  t.add({}, 1);
  t.add({1});
  t.add({1});
  t.add_many(3);
  t.end_input();
  CHECK(t.take_all(1) == "1 4 5 6");
  t.fail(1);
  t.take(1);
  t.fail(1, 2);
  CHECK(t.told() == Actions{retry(1, 2), failed(1, 2), skip(2, 1), skip(3, 1)});
  t.fail(5);
  CHECK(t.told() == Actions{failed(5), halt(5)});
  CHECK(t.plan.stopping() == StopKind::Soon);
  t.succeed(4);
  t.fail(6);
  CHECK(t.told() == Actions{succeeded(4), failed(6)});
  CHECK(t.plan.over());
}

TEST_CASE("a halt now tells first what ended, then what it takes out, then what is to be ended") {
  TestPlan t({.when = When::Now, .why = Why::Fail, .count = 1});
  t.add_many(5);
  t.add({2});
  t.end_input();
  t.take(3);
  t.fail(2);
  CHECK(t.told() == Actions{failed(2), skip(6, 2), halt(2), cancelled(4, 0, 2), end(1), end(3)});
}

TEST_CASE("success and done rules count what they say, runs included, and cancelled tasks count for none") {
  TestPlan success({.when = When::Soon, .why = Why::Success, .count = 3});
  success.add_many(9);
  success.take(5);
  success.fail(1);
  success.succeed(2);
  CHECK(success.told() == Actions{failed(1), succeeded(2)});
  CHECK(success.plan.on_succeeded(3, 3, 1, success.actions));
  CHECK(success.told() == Actions{succeeded(3, 1, 3), halt(5), cancelled(6, 0, 4)});

  TestPlan done({.when = When::Soon, .why = Why::Done, .count = 2});
  done.add_many(4);
  done.take(3);
  CHECK(done.outcome(1, OutcomeKind::Cancelled));
  done.fail(2);
  CHECK(done.told() == Actions{cancelled(1, 1), failed(2)});
  done.succeed(3);
  CHECK(done.told() == Actions{succeeded(3), halt(3), cancelled(4)});
}

TEST_CASE("a halt is told once, and a sharper one still fires in a run that finishes what runs") {
  TestPlan t({.when = When::Now, .why = Why::Fail, .count = 1});
  t.add_many(3);
  t.take(3);
  t.plan.stop(StopKind::Soon, t.actions);
  t.fail(1);
  CHECK(t.told() == Actions{failed(1), halt(1), end(2, 1, 2)});
  t.fail(2);
  CHECK(t.told() == Actions{failed(2)});

  TestPlan mild({.when = When::Soon, .why = Why::Fail, .count = 1});
  mild.add();
  mild.take();
  mild.plan.stop(StopKind::Soon, mild.actions);
  mild.fail(1);
  CHECK(mild.told() == Actions{failed(1)});
}

TEST_CASE("a percentage is of all tasks once the input has ended") {
  TestPlan t({.when = When::Soon, .why = Why::Fail, .count = 10, .percent = true});
  t.add_many(30);
  t.end_input();
  t.take(3);
  t.fail(1);
  t.fail(2);
  CHECK(t.told() == Actions{failed(1), failed(2)});
  t.fail(3);
  CHECK(t.told() == Actions{failed(3), halt(3), cancelled(4, 0, 27)});
}

TEST_CASE("while the input goes on a failing percentage is of the tasks tried, from three failures on") {
  TestPlan t({.when = When::Soon, .why = Why::Fail, .count = 50, .percent = true});
  t.add_many(8);
  t.take(8);
  t.fail(1);
  t.fail(2);
  CHECK(t.plan.on_succeeded(3, 2, 1, t.actions));
  t.succeed(5);
  CHECK(t.told() == Actions{failed(1), failed(2), succeeded(3, 1, 2), succeeded(5)});
  t.fail(6);
  CHECK(t.told() == Actions{failed(6), halt(6)});
}

TEST_CASE("while the input goes on success and done percentages wait for its end") {
  for (const Why why : {Why::Success, Why::Done}) {
    TestPlan t({.when = When::Soon, .why = why, .count = 50, .percent = true});
    t.add_many(4);
    t.take(2);
    t.succeed(1);
    t.succeed(2);
    CHECK(t.told() == Actions{succeeded(1), succeeded(2)});
    t.end_input();
    CHECK(t.told() == Actions{halt(0), cancelled(3, 0, 2)});
    CHECK(t.plan.over());
  }
}

TEST_CASE("a run of nothing is not halted by a percentage of it") {
  TestPlan t({.when = When::Soon, .why = Why::Done, .count = 100, .percent = true});
  t.end_input();
  CHECK(t.told() == Actions{});
  CHECK(t.plan.over());
}

TEST_CASE("a rule of never, of zero and of zero percent does not fire") {
  for (const HaltPolicy& policy : {HaltPolicy{.when = When::Never, .why = Why::Fail, .count = 1},
                                   HaltPolicy{.when = When::Now, .why = Why::Fail, .count = 0},
                                   HaltPolicy{.when = When::Now, .why = Why::Done, .percent = true}}) {
    TestPlan t(policy);
    t.add_many(2);
    t.end_input();
    t.take(1);
    t.fail(1);
    CHECK(t.told() == Actions{failed(1)});
  }
}

TEST_CASE("a task that is cancelled before it starts never starts, and its followers are skipped") {
  TestPlan t;
  t.add_many(5);
  t.add({3});
  t.add({6});
  t.add({7});
  CHECK(t.plan.cancel(3, t.actions));
  CHECK(t.told() == Actions{cancelled(3), skip(6, 3), skip(7, 3), skip(8, 3)});
  CHECK(t.plan.cancel(1, t.actions));
  CHECK(t.plan.cancel(5, t.actions));
  CHECK(t.take_all(10) == "2 4");

  const TaskId waiting = t.add({2});
  CHECK(t.plan.cancel(waiting, t.actions));
  t.succeed(2);
  CHECK(t.told() == Actions{cancelled(1), cancelled(5), cancelled(waiting), succeeded(2)});
  CHECK(t.take_all(10) == "");
}

TEST_CASE("tasks that came back can be cancelled in the middle of their run") {
  TestPlan t;
  t.add_many(9);
  t.take(7);
  CHECK(t.plan.put_back({.first = 2, .count = 5}, t.actions));
  CHECK(t.plan.cancel(4, t.actions));
  CHECK(t.plan.cancel(2, t.actions));
  CHECK(t.plan.cancel(6, t.actions));
  CHECK(t.told() == Actions{cancelled(4), cancelled(2), cancelled(6)});
  CHECK(t.take_all(10) == "3 5 8*2");
}

TEST_CASE("a task that is cancelled in hand is asked to end once, and is not tried again whatever it says") {
  TestPlan t;
  t.add_many(4, 5);
  t.take(4);
  for (TaskId id = 1; id <= 4; ++id) CHECK(t.plan.cancel(id, t.actions));
  CHECK(t.plan.cancel(1, t.actions));
  CHECK(t.told() == Actions{end(1), end(2), end(3), end(4)});
  CHECK(t.outcome(1, OutcomeKind::Cancelled));
  t.fail(2);
  t.succeed(3);
  CHECK(t.plan.put_back({.first = 4, .count = 1}, t.actions));
  CHECK(t.told() == Actions{cancelled(1, 1), failed(2), succeeded(3), cancelled(4)});
}

TEST_CASE("only the cancelled ones of a run that comes back are cancelled") {
  TestPlan t;
  t.add_many(4);
  t.take(4);
  CHECK(t.plan.cancel(2, t.actions));
  CHECK(t.plan.put_back({.first = 1, .count = 4}, t.actions));
  CHECK(t.told() == Actions{end(2), cancelled(2)});
  CHECK(t.take_all(10) == "1 3*2");
}

TEST_CASE("a now stop does not ask again those that were asked") {
  TestPlan t;
  t.add_many(3);
  t.take(3);
  CHECK(t.plan.cancel(2, t.actions));
  t.plan.stop(StopKind::Now, t.actions);
  CHECK(t.plan.cancel(1, t.actions));
  CHECK(t.told() == Actions{end(2), end(1), end(3)});
}

TEST_CASE("what is final, or unknown, cannot be cancelled") {
  TestPlan t;
  t.add_many(2);
  t.take(1);
  t.succeed(1);
  t.told();
  for (const TaskId id : {TaskId{0}, TaskId{1}, TaskId{3}, TaskId{5000}}) {
    CHECK_FALSE(t.plan.cancel(id, t.actions));
  }
  CHECK(t.told() == Actions{});
}
