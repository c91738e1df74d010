#include "tests/runner/engine_harness.hpp"

namespace drover::test {

TEST_CASE("a run of commands ends when each has had its outcome") {
  EngineHarness run({"echo one", "echo two >&2; exit 3", "kill -9 $$"});
  run.options.workers = 2;
  REQUIRE(run.run());
  CHECK(run.counts() == PlanCounts{.total = 3, .succeeded = 1, .failed = 2});
  CHECK(run.told[1].outcome.succeeded());
  CHECK(run.told[1].out == "one\n");
  CHECK(describe(run.told[2].outcome) == "failed (exit 3)");
  CHECK(run.told[2].err == "two\n");
  CHECK(describe(run.told[3].outcome) == "signaled (SIGKILL)");
  CHECK(run.workers_lost == 0);
  CHECK(run.notices.empty());
}

TEST_CASE("a task whose worker dies is lost with it, and another worker runs the next") {
  EngineHarness run({"kill -9 $PPID; sleep 1000", "echo next"});
  REQUIRE(run.run());
  CHECK(describe(run.told[1].outcome) == "worker lost (SIGKILL)");
  CHECK(run.told[2].out == "next\n");
  CHECK(run.workers_lost == 1);
}

TEST_CASE("a lost task is tried as often as it may be") {
  EngineHarness run({"echo >>tries; kill -9 $PPID; sleep 1000"});
  run.retries = 2;
  REQUIRE(run.run());
  CHECK(run.told[1].attempt == 3);
  CHECK(run.space.read("tries") == "\n\n\n");
  CHECK(run.counts() == PlanCounts{.total = 1, .failed = 1});
  CHECK(run.workers_lost == 3);
}

TEST_CASE("a stop ends what runs, and nothing more begins") {
  EngineHarness run({"echo >up; sleep 1000", "echo >begun"});
  run.on_fifo("up", [](Engine& engine) { engine.stop(StopKind::Now, std::chrono::seconds(0)); });
  REQUIRE(run.run());
  CHECK(run.told[1].outcome.kind == OutcomeKind::Cancelled);
  CHECK(run.counts() == PlanCounts{.total = 2, .cancelled = 2});
  CHECK_FALSE(run.space.exists("begun"));
}

TEST_CASE("a worker program that cannot run ends the run with an error") {
  EngineHarness run({"true"});
  run.options.worker_program = "/bin/false";
  CHECK_FALSE(run.run().ok());
}

TEST_CASE("a command whose worker misses its time is ended when the engine asks for it") {
  EngineHarness run({"echo $PPID; sleep 1000", "echo $PPID"});
  run.timeout = std::chrono::milliseconds(1);
  run.options.overdue = std::chrono::seconds(1);
  REQUIRE(run.run());
  CHECK_FALSE(run.told[1].outcome.succeeded());
  CHECK(run.told[1].out == run.told[2].out);  // the worker lives on
}

TEST_CASE("a worker that is stopped while its command is over its time is killed after a second wait") {
  EngineHarness run({"kill -STOP $PPID; sleep 1000", "echo next"});
  run.timeout = std::chrono::milliseconds(1);
  run.options.overdue = std::chrono::milliseconds(500);
  REQUIRE(run.run());
  CHECK(describe(run.told[1].outcome) == "timed out");
  CHECK(run.told[1].outcome.signal == SIGKILL);
  CHECK(run.told[2].out == "next\n");
  CHECK(run.counts() == PlanCounts{.total = 2, .succeeded = 1, .failed = 1});
}

TEST_CASE("a SIGKILL while the kernel counts a kill for memory is told as out of memory, any other is not") {
  // One task a run: the watch cannot tell whose kill it saw, and a worker may be a task ahead.
  const auto outcome_of = [](const std::string& command) {
    EngineHarness run({command});
    run.space.write("counts", "nr_free_pages 0\noom_kill 7\n");
    run.options.oom_kills = run.space.path("counts");
    REQUIRE(run.run());
    return describe(run.told[1].outcome);
  };
  const std::string count = "sed -i s/7/8/ counts; ";
  CHECK(outcome_of(count + "kill -9 $$") == "out of memory");
  CHECK(outcome_of(count + "kill -9 $PPID; sleep 1000") == "out of memory");
  CHECK(outcome_of("kill -9 $$") == "signaled (SIGKILL)");
  CHECK(outcome_of("kill -9 $PPID; sleep 1000") == "worker lost (SIGKILL)");
  CHECK(outcome_of(count + "kill -15 $$") == "signaled (SIGTERM)");
}

}  // namespace drover::test
