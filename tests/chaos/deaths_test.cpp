// Deaths and standstills that the other files leave out: see the table in runner/manual/design.md.
#include <filesystem>

#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("a command that kills its worker is lost with its last words, and the run goes on") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-j", "1", "-"},
                {.input = lines({"echo last words >&2; sleep 0.1; kill -9 $PPID; sleep 10", "echo next"})});
  CHECK(ran.out == "next\n");
  CHECK(ran.err == Has("task #1 worker lost (SIGKILL)"));
  CHECK(ran.err == Has("last words"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a task that kills its worker is tried as often as it asked for, and not more") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-j", "1", "--retries", "2", "-"},
                            {.input = lines({"echo $DROVER_ATTEMPT >>tries; kill -9 $PPID; sleep 10"})});
  CHECK(space.read("tries") == "1\n2\n3\n");
  CHECK(ran.err == Has("(attempt 3 of 3)"));
  CHECK(ran.err == Has("1 task: 1 failed"));
}

TEST_CASE("what ended in time while the coordinator stood still did not time out") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go"), down = space.fifo("down");
  Program program = space.start({"run", "--timeout", "1.5", "-j", "1", "-"},
                                {.input = lines({"echo >up; read x <go; echo >down", "true"})});
  up.read_line();
  program.signal(SIGSTOP);
  go.write_line();
  down.read_line();
  // The limit goes by while nobody looks: a child is the clock.
  REQUIRE(space.start_program("/bin/sleep", {"1.6"}).finish().exit_code == 0);
  program.signal(SIGCONT);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.err == Has("2 tasks: 2 succeeded"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("workers that never come up end the run with status 3 and a reason") {
  const TestSpace space;
  const std::string real = ::getenv("DROVER_BIN");
  std::filesystem::create_directory(space.path("bin"));
  std::filesystem::copy_file(real + "/drover", space.path("bin/drover"));
  space.write("bin/drover-worker", "#!/bin/sh\n[ \"$1\" = --keeper ] && exec " + real +
                                       "/drover-worker \"$@\"\necho no good >&2\nexit 7\n");
  std::filesystem::permissions(space.path("bin/drover-worker"), std::filesystem::perms::owner_all);
  const Ran ran = space.finish(
      space.start_program(space.path("bin/drover"), {"run", "-j", "1", "-"}, {.input = "true\n"}));
  CHECK(ran.exit_code == 3);
  CHECK(ran.err == Has("workers keep dying"));
  CHECK(ran.err == Has("exit 7"));
}

TEST_CASE("a stop reaches tasks whose workers are only starting") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  std::string list = "echo >up\n";
  for (int i = 0; i < 20; ++i) list += "sleep 100\n";
  Program program = space.start({"run", "-j", "16", "-"}, {.input = list});
  up.read_line();  // of sixteen workers the first is up
  program.signal(SIGTERM);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGTERM);
}

}  // namespace drover::test
