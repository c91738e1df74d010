// What a command finds when it starts.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("a task knows its number, name, slot, attempt and run") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-j", "1", "-"},
                {.input = lines({"echo $DROVER_SEQ $DROVER_TASK $DROVER_SLOT $DROVER_ATTEMPT",
                                 "echo $DROVER_SEQ $DROVER_TASK", "echo $DROVER_RUN", "echo $DROVER_RUN"})});
  const auto printed = split_lines(ran.out);
  REQUIRE(printed.size() == 4);
  CHECK(printed[0] == "1 #1 1 1");
  CHECK(printed[1] == "2 #2");
  CHECK_FALSE(printed[2].empty());
  CHECK(printed[2] == printed[3]);
}

TEST_CASE("two tasks at once have different slots, of 1 to -j") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  const std::string task = "echo $DROVER_SLOT >up; read x <go";
  Program program = space.start({"run", "-j", "2", "-"}, {.input = lines({task, task})});
  std::set<std::string> slots{up.read_line(), up.read_line()};
  go.write_lines(2);
  CHECK(space.finish(std::move(program)).exit_code == 0);
  CHECK(slots == std::set<std::string>{"1", "2"});
}

TEST_CASE("progress that a task writes is accepted, and nonsense does no harm") {
  const TestSpace space;
  const Ran ran = space.run(
      {"run", "-k", "-"},
      {.input = lines({"echo '40%' >&$DROVER_PROGRESS_FD; echo '1/2 half' >&$DROVER_PROGRESS_FD; echo a",
                       "head -c 300000 /dev/urandom >&$DROVER_PROGRESS_FD; echo b", "exec 7>&-; echo c"})});
  CHECK(ran.out == "a\nb\nc\n");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("standard input is empty, and is not the list of tasks") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-k", "-j", "1", "-"},
                            {.input = lines({"cat", "readlink /proc/self/fd/0", "echo on"})});
  CHECK(ran.out == "/dev/null\non\n");
}

TEST_CASE("each command leads a session of its own") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-"},
                            {.input = lines({"read pid name state parent group session rest </proc/$$/stat; "
                                             "echo $((pid == group)) $((pid == session))"})});
  CHECK(ran.out == "1 1\n");
}

TEST_CASE("a command has three descriptors and that for its progress, and no more") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-k", "-j", "1", "-"}, {.input = lines({"true", "ls /proc/self/fd"})});
  // 3 is the folder that ls itself has open.
  CHECK(ran.out == "0\n1\n2\n3\n7\n");
}

TEST_CASE("no signal is ignored or blocked in a task that drover itself blocks or ignores") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-j", "1", "-"},
                {.input = lines({"grep SigIgn /proc/self/status", "grep SigBlk /proc/self/status"})});
  CHECK(ran.out == "SigIgn:\t0000000000000000\nSigBlk:\t0000000000000000\n");
}

TEST_CASE("what nohup ignores stays ignored, in tasks and in drover") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program =
      space.start({"run", "-j", "1", "-"},
                  {.input = lines({"grep SigIgn /proc/self/status; echo >up; read x <go", "echo last"}),
                   .ignored = {SIGHUP}});
  up.read_line();
  program.signal(SIGHUP);
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "SigIgn:\t0000000000000001\nlast\n");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("tasks run where drover was called, with its environment") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-"}, {.input = lines({"pwd", "echo $COLOUR"}), .env = {{"COLOUR", "blue"}}});
  CHECK(ran.out == space.path("").substr(0, space.path("").size() - 1) + "\nblue\n");
}

TEST_CASE("--shell is the shell for commands that need one") {
  const TestSpace space;
  space.write("shell", "#!/bin/sh\necho \"shell got $1 $2\"\n");
  std::filesystem::permissions(space.path("shell"), std::filesystem::perms::owner_all);
  const Ran ran = space.run({"run", "-k", "--shell", space.path("shell"), "-"},
                            {.input = lines({"exit 3", "echo plain"})});
  CHECK(ran.out == "shell got -c exit 3\nplain\n");
}

}  // namespace drover::test
