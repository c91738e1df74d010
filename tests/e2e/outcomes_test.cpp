// How commands end, and what drover makes of it.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("a failed command is named with its exit code, and the others run") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-k", "-"}, {.input = lines({"echo a", "exit 3", "echo b"})});
  CHECK(ran.out == "a\nb\n");
  CHECK(ran.err == Has("drover: task #2 failed (exit 3)"));
  CHECK(ran.err == Has("3 tasks: 2 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a run in which all succeed ends with 0") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-"}, {.input = lines({"true", "true"})});
  CHECK(ran.out.empty());
  CHECK(ran.err == Has("2 tasks: 2 succeeded"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("an empty list is a run of no tasks") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-"}, {.input = "\n# nothing\n"});
  CHECK(ran.err == Has("0 tasks"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a command that closes its output runs on, and its own end counts") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program =
      space.start({"run", "-"}, {.input = lines({"exec >&- 2>&-; echo closed >up; read x <go; exit 4"})});
  up.read_line();
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.err == Has("task #1 failed (exit 4)"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a child that a command leaves in the background holds nobody up, and is ended and counted") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-k", "-"}, {.input = lines({"sleep 1000 & echo a", "echo b"})});
  CHECK(ran.out == "a\nb\n");
  CHECK(ran.err == Has("#1"));
  CHECK(ran.err == Has("left 1 process behind"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a child that has left its task's session is ended with it all the same") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  const Ran ran =
      space.run({"run", "-"}, {.input = lines({"setsid sh -c 'echo >up; sleep 1000' & read x <up; exit 0"})});
  CHECK(ran.err == Has("behind"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE(
    "a program that is missing could not start (127), by a shell and without one, and the run goes on") {
  const TestSpace space;
  const Ran ran = space.run(
      {"run", "-k", "-"},
      {.input = lines({"no-such-program one", "no-such-program 'two words'", "./missing", "echo on"})});
  CHECK(ran.out == "on\n");
  CHECK(ran.err == Has("task #1 could not start (127)"));
  CHECK(ran.err == Has("no-such-program"));
  CHECK(ran.err == Has("task #2 "));
  CHECK(ran.err == Has("task #3 could not start (127)"));
  CHECK(ran.err == Has("4 tasks: 1 succeeded, 3 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a file that is not executable could not start (126)") {
  const TestSpace space;
  space.write("data", "no program\n");
  const Ran ran = space.run({"run", "-k", "-"}, {.input = lines({"./data", "echo on"})});
  CHECK(ran.out == "on\n");
  CHECK(ran.err == Has("task #1 could not start (126)"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a signal that ends a command is named") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-"}, {.input = lines({"kill -KILL $$", "kill -USR1 $$", "echo on"})});
  CHECK(ran.out == "on\n");
  CHECK(ran.err == Has("task #1 signaled (SIGKILL)"));
  CHECK(ran.err == Has("task #2 signaled (SIGUSR1)"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a core dump is told when the machine makes one") {
  const TestSpace space;
  const std::string crash = "ulimit -c unlimited; kill -SEGV $$";
  const bool dumps = space.start_program("/bin/sh", {"-c", crash}).finish().core_dumped;
  const Ran ran = space.run({"run", "-"}, {.input = lines({crash})});
  CHECK(ran.err == Has("task #1 signaled (SIGSEGV)"));
  CHECK((ran.err == Has("core dumped")) == dumps);
}

TEST_CASE("what a failed command printed on stderr last is repeated in its account") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "--output", "none", "-"}, {.input = lines({"echo 'no such disk' >&2; exit 5"})});
  CHECK(ran.err == Has("task #1 failed (exit 5)"));
  CHECK(ran.err == Has("no such disk"));
}

TEST_CASE("a hundred odd ends in a row, and each is counted once") {
  const TestSpace space;
  std::string list;
  for (int i = 0; i < 20; ++i)
    list += lines({"exit 1", "kill -9 $$", "no-such-program", "sleep 1000 & true", "true"});
  const Ran ran = space.run({"run", "--output", "none", "-"}, {.input = list});
  CHECK(ran.err == Has("100 tasks: 40 succeeded, 60 failed"));
  CHECK(ran.exit_code == 1);
}

}  // namespace drover::test
