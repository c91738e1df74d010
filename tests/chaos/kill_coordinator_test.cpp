// The keeper and the coordinator killed in mid-run: by the first the run loses nothing but attempts, by the
// second nothing of it survives.
#include <algorithm>

#include "tests/chaos/task_log.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

// Two processes that do their best to get away from their task, and one that waits for the end.
const std::string kFugitives =
    "setsid sh -c 'echo >up; exec sleep 1000' & "
    "(setsid sh -c '(trap \"\" HUP TERM; echo >up; exec sleep 1001) & exit 0' &) ; "
    "echo >up; sleep 1002";

// A run of two tasks with all their processes up.
Program start_fugitives(const TestSpace& space) {
  Fifo up = space.fifo("up");
  Program program = space.start({"run", "-j", "2", "-"}, {.input = kFugitives + "\n" + kFugitives + "\n"});
  up.read_lines(6);
  CHECK(processes_with_mark(space.mark()).size() >= 10);  // drover, keeper, 2 workers, 6 of the tasks
  return program;
}

void check_all_die(const TestSpace& space, Program program) {
  const Duration took = wait_until_gone(space.mark(), std::chrono::seconds(5));
  MESSAGE("all gone after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  CHECK(program.finish().signal == SIGKILL);
  space.check_nothing_left();
}

}  // namespace

TEST_CASE("a killed coordinator leaves no process behind, whatever session it is in") {
  const TestSpace space;
  Program program = start_fugitives(space);
  program.signal(SIGKILL);
  check_all_die(space, std::move(program));
}

TEST_CASE("a coordinator and its workers killed at once leave no process behind") {
  for (const bool all : {false, true}) {
    const TestSpace space;
    Program program = start_fugitives(space);
    const auto workers = workers_of(program.pid());
    REQUIRE(workers.size() == 2);
    ::kill(workers[0], SIGKILL);
    program.signal(SIGKILL);
    if (all) ::kill(workers[1], SIGKILL);
    check_all_die(space, std::move(program));
  }
}

TEST_CASE("a coordinator that is killed while its keeper starts workers leaves no process behind") {
  for (int i = 0; i < 20; ++i) {
    const TestSpace space;
    Fifo up = space.fifo("up");
    std::string list;
    for (int task = 0; task < 8; ++task) list += "echo >up; sleep 1000\n";
    Program program = space.start({"run", "-j", "8", "-"}, {.input = list});
    up.read_line();
    program.signal(SIGKILL);
    const Duration took = wait_until_gone(space.mark(), std::chrono::seconds(5));
    CAPTURE(took.count());
    CHECK(program.finish().signal == SIGKILL);
  }
}

TEST_CASE("a killed keeper costs attempts, not the run") {
  const TestSpace space;
  Fifo ticks = space.fifo("ticks");
  constexpr int kTasks = 200;
  std::string list;
  std::vector<std::string> expected;
  for (int i = 1; i <= kTasks; ++i) {
    list += kLoggedCommand + "; echo $DROVER_SEQ\n";
    expected.push_back(std::to_string(i));
  }
  Program program = space.start({"run", "-k", "-j", "4", "--retries", "5", "-"}, {.input = list});
  for (int kills = 0; kills < 3; ++kills) {
    ticks.read_lines(40);
    const pid_t keeper = keeper_of(program.pid());
    REQUIRE(keeper != 0);
    ::kill(keeper, SIGKILL);
  }
  while (program.wait_for_readable(ticks.fd()))
    while (ticks.try_line()) continue;
  const Ran ran = space.finish(std::move(program));
  CAPTURE(ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == Has("the keeper died"));
  CHECK(ran.err == Has("drover: 200 tasks: 200 succeeded in "));
  // What an attempt had shown live before its worker was killed is shown again by the next one.
  auto printed = split_lines(ran.out);
  printed.erase(std::unique(printed.begin(), printed.end()), printed.end());
  CHECK((printed == expected));
  const TaskLog log(space.read("log"));
  log.check_all_ended(kTasks, 6);
  CHECK(log.starts <= kTasks + 3 * 4);
}

TEST_CASE("what a dead keeper's workers had started is gone before the next attempt begins") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program =
      space.start({"run", "--retries", "1", "-"},
                  {.input = "setsid sleep 1000 & echo $DROVER_ATTEMPT >up; read x <go; echo through\n"});
  CHECK(up.read_line() == "1");
  ::kill(keeper_of(program.pid()), SIGKILL);
  CHECK(up.read_line() == "2");
  int sleepers = 0;
  for (const pid_t pid : processes_with_mark(space.mark()))
    if (command_line(pid).starts_with("sleep 1000")) ++sleepers;
  CHECK(sleepers <= 1);  // the second attempt's own
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "through\n");
  CHECK(ran.exit_code == 0);
}

}  // namespace drover::test
