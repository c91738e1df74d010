// How many at once, how long, how often, and when to end early.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("-j 1 runs one task after the other") {
  const TestSpace space;
  std::string list, expected;
  for (int i = 1; i <= 50; ++i) {
    list += "echo start $DROVER_SEQ >>log; echo end $DROVER_SEQ >>log\n";
    expected += "start " + std::to_string(i) + "\nend " + std::to_string(i) + "\n";
  }
  CHECK(space.run({"run", "-j", "1", "-"}, {.input = list}).exit_code == 0);
  CHECK(space.read("log") == expected);
}

TEST_CASE("-j 5 runs five tasks at once, whatever the number of processors") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  std::string list;
  for (int i = 0; i < 5; ++i) list += "echo >up; read x <go\n";
  Program program = space.start({"run", "-j", "5", "-"}, {.input = list});
  up.read_lines(5);
  go.write_lines(5);
  CHECK(space.finish(std::move(program)).exit_code == 0);
}

TEST_CASE("never more than -j tasks run at once") {
  const TestSpace space;
  std::string list;
  for (int i = 0; i < 60; ++i) list += "echo start >>log; true | true | true; echo end >>log\n";
  CHECK(space.run({"run", "-j", "3", "-"}, {.input = list}).exit_code == 0);
  int running = 0, most = 0;
  for (const std::string& line : split_lines(space.read("log"))) {
    running += line == "start" ? 1 : -1;
    most = std::max(most, running);
  }
  CHECK(running == 0);
  CHECK(most <= 3);
  CHECK(most >= 2);
}

TEST_CASE("a task over its time is ended by SIGTERM and counts as timed out, though it then exits with 0") {
  const TestSpace space;
  Fifo never = space.fifo("never");
  const Ran ran = space.run({"run", "--timeout", "300ms", "-k", "-"},
                            {.input = lines({"trap 'echo asked; exit 0' TERM; read x <never", "echo on"})});
  CHECK(ran.out == "asked\non\n");
  CHECK(ran.err == Has("task #1 timed out"));
  CHECK(ran.err == Has("2 tasks: 1 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("who ignores SIGTERM is killed after its grace") {
  const TestSpace space;
  Fifo never = space.fifo("never");
  const Ran ran = space.run({"run", "--timeout", "0.2", "--grace", "0.1", "-k", "-"},
                            {.input = lines({"trap '' TERM; read x <never", "echo on"})});
  CHECK(ran.out == "on\n");
  CHECK(ran.err == Has("task #1 timed out"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a failed task is tried again, knows its attempt, and only its last attempt's output is shown") {
  const TestSpace space;
  const Ran ran = space.run({"run", "--retries", "4", "-"},
                            {.input = lines({"echo attempt $DROVER_ATTEMPT; test $DROVER_ATTEMPT -eq 3"})});
  CHECK(ran.out == "attempt 3\n");
  CHECK(ran.err == Has("(attempt 1 of 5)"));
  CHECK(ran.err == Has("(attempt 2 of 5)"));
  CHECK(ran.err == Has("1 task: 1 succeeded"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("N retries are N further attempts") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "--retries", "2", "-"}, {.input = lines({"echo $DROVER_ATTEMPT >>log; exit 1"})});
  CHECK(space.read("log") == "1\n2\n3\n");
  CHECK(ran.exit_code == 1);
}

TEST_CASE("--halt soon,fail=1 lets run what runs and starts nothing more") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go"), last = space.fifo("last");
  Program program =
      space.start({"run", "-j", "2", "--halt", "soon,fail=1", "-"},
                  {.input = lines({"read x <go; exit 1", "echo >up; read x <last; echo finished",
                                   "touch third", "touch fourth"})});
  up.read_line();
  go.write_line();
  program.wait_for_err("halting");
  last.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "finished\n");
  CHECK_FALSE(space.exists("third"));
  CHECK_FALSE(space.exists("fourth"));
  CHECK(ran.err == Has("1 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("--halt now,fail=1 ends what runs") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go"), never = space.fifo("never");
  Program program =
      space.start({"run", "-j", "2", "--halt", "now,fail=1", "-"},
                  {.input = lines({"read x <go; exit 1", "echo >up; read x <never", "touch third"})});
  up.read_line();
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK_FALSE(space.exists("third"));
  CHECK(ran.err == Has("task #2 cancelled"));
  CHECK(ran.err == Has("1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("--halt soon,success=1 is content with the first success") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-j", "1", "--halt", "soon,success=1", "-"},
                            {.input = lines({"false", "true", "touch third"})});
  CHECK_FALSE(space.exists("third"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a halt of a stream does not wait for the end of its input") {
  const TestSpace space;
  Program program =
      space.start({"run", "--halt", "now,fail=1", "-"}, {.input = "false\n", .keep_input_open = true});
  Fifo unused = space.fifo("unused");
  CHECK_FALSE(program.wait_for_readable(unused.fd()));  // it ends
  CHECK(space.finish(std::move(program)).exit_code == 1);
}

}  // namespace drover::test
