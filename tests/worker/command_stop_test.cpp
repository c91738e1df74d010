// How a command is made to stop: over its time, or by request.
#include "tests/worker/command_fixture.hpp"

using namespace drover;
using namespace drover::command_test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kLong = 1h;   // ends no test that works
constexpr Duration kReady = 1s;  // a small program is ready long before

// Runs on_term and makes the request when it is ready.
CommandResult stop_when_ready(const Command& command, const Requests& requests) {
  TestControl control;
  control.when_progress = [&] { control.request(requests); };
  return run(command, control);
}

Command patient(Command made) {
  made.grace = kLong;
  return made;
}

}  // namespace

TEST_CASE("a command over its time gets SIGTERM") {
  Command made = patient(command({"sleep", "1000"}));
  made.timeout = 50ms;
  const Outcome outcome = run(made).outcome;
  CHECK(outcome.kind == OutcomeKind::TimedOut);
  CHECK(outcome.signal == SIGTERM);
  CHECK(outcome.wall_ns >= 50'000'000);
  CHECK(outcome.left_behind == 0);
}

TEST_CASE("a command in time is not stopped") {
  Command made = command({"true"});
  made.timeout = kLong;
  CHECK(run(made).outcome.succeeded());
}

TEST_CASE("a command that ignores SIGTERM is killed after its grace") {
  Command made = command({child("on_term"), "ignore"});
  made.timeout = kReady;
  made.grace = 50ms;
  const Outcome outcome = run(made).outcome;
  CHECK(outcome.kind == OutcomeKind::TimedOut);
  CHECK(outcome.signal == SIGKILL);
  CHECK(outcome.wall_ns >= 1'050'000'000);
}

TEST_CASE("a command that ends by itself in its grace is timed out still") {
  Command made = patient(command({child("on_term"), "exit", "0"}));
  made.timeout = kReady;
  const Outcome outcome = run(made).outcome;
  CHECK(outcome.kind == OutcomeKind::TimedOut);
  CHECK(outcome.signal == 0);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("a stopped command hears SIGTERM, and is woken for it") {
  const Outcome outcome =
      stop_when_ready(patient(command({child("on_term"), "exit", "42", "stopped"})), {.stop = true}).outcome;
  CHECK(outcome.kind == OutcomeKind::Cancelled);
  CHECK(outcome.exit_code == 42);
}

TEST_CASE("a request to stop gives the command its grace") {
  const CommandResult result =
      stop_when_ready(patient(command({child("on_term"), "cleanup"})), {.stop = true});
  CHECK(result.outcome.kind == OutcomeKind::Cancelled);
  CHECK(result.outcome.signal == 0);
  CHECK(result.out.head == "cleaned up\n");
}

TEST_CASE("a request to stop may bring a grace of its own") {
  const Outcome outcome =
      stop_when_ready(patient(command({child("on_term"), "ignore"})), {.stop = true, .grace = 10ms}).outcome;
  CHECK(outcome.kind == OutcomeKind::Cancelled);
  CHECK(outcome.signal == SIGKILL);
}

TEST_CASE("a request to kill does not wait for the grace") {
  const Outcome outcome =
      stop_when_ready(patient(command({child("on_term"), "ignore"})), {.kill_now = true}).outcome;
  CHECK(outcome.kind == OutcomeKind::Cancelled);
  CHECK(outcome.signal == SIGKILL);
}

TEST_CASE("a request to kill cuts short a grace that has begun, and the first reason stays") {
  TestControl control;
  Command made =
      patient(script("trap 'echo 2/2 >&7' TERM; echo 1/2 >&7; while :; do sleep 1000 & wait; done"));
  made.timeout = kReady;
  control.when_progress = [&] {
    if (control.progress.back() == "2/2") control.request({.kill_now = true});
  };
  const Outcome outcome = run(made, control).outcome;
  CHECK(outcome.kind == OutcomeKind::TimedOut);
  CHECK(outcome.signal == SIGKILL);
}

TEST_CASE("the grace is for what a shell was running, too") {
  // sh dies of SIGTERM at once.
  const CommandResult result =
      stop_when_ready(patient(script(child("on_term") + " cleanup; true")), {.stop = true});
  CHECK(result.outcome.kind == OutcomeKind::Cancelled);
  CHECK(result.outcome.signal == SIGTERM);
  CHECK(result.out.head == "cleaned up\n");
  CHECK(result.outcome.left_behind == 0);
}

TEST_CASE("what a shell was running is killed after the grace, and was not left behind by it") {
  const Outcome outcome =
      stop_when_ready(patient(script(child("on_term") + " ignore; true")), {.stop = true, .grace = 50ms})
          .outcome;
  CHECK(outcome.kind == OutcomeKind::Cancelled);
  CHECK(outcome.signal == SIGTERM);
  CHECK(outcome.left_behind == 0);
}

TEST_CASE("a request that waits before the command runs is heard") {
  TestControl control;
  control.request({.kill_now = true});
  CHECK(run(patient(command({"sleep", "1000"})), control).outcome.kind == OutcomeKind::Cancelled);
}
