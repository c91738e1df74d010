// What tasks print, on its way to the user.
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& each : bytes) {
    state = state * 1664525 + 1013904223;
    each = static_cast<char>(state >> 24);
  }
  return bytes;
}

}  // namespace

TEST_CASE("a task's output stays together, whoever else prints meanwhile") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  const std::string talk = "echo $DROVER_SEQ one; echo up >up; read x <go; echo $DROVER_SEQ two";
  Program program = space.start({"run", "-j", "2", "-"}, {.input = lines({talk, talk})});
  up.read_lines(2);
  go.write_lines(2);
  const Ran ran = space.finish(std::move(program));
  const bool one_first = ran.out == "1 one\n1 two\n2 one\n2 two\n";
  const bool two_first = ran.out == "2 one\n2 two\n1 one\n1 two\n";
  CAPTURE(ran.out);
  CHECK((one_first || two_first));
}

TEST_CASE("without -k output comes in the order in which tasks end") {
  const TestSpace space;
  Fifo go = space.fifo("go");
  Program program =
      space.start({"run", "-j", "2", "-"}, {.input = lines({"read x <go; echo first", "echo second"})});
  program.wait_for_out("second\n");
  go.write_line();
  CHECK(space.finish(std::move(program)).out == "second\nfirst\n");
}

TEST_CASE("with -k output comes in task order, though tasks end in another") {
  const TestSpace space;
  Fifo ended = space.fifo("ended"), go = space.fifo("go");
  Program program = space.start({"run", "-k", "-j", "2", "-"},
                                {.input = lines({"read x <go; echo one", "echo two; echo >ended",
                                                 "echo three; echo >ended", "echo four; echo >ended"})});
  ended.read_lines(3);
  go.write_line();
  CHECK(space.finish(std::move(program)).out == "one\ntwo\nthree\nfour\n");
}

TEST_CASE("with -k the first unfinished task is live") {
  const TestSpace space;
  Fifo go = space.fifo("go");
  Program program =
      space.start({"run", "-k", "-j", "2", "-"},
                  {.input = lines({"echo one; read x <go; echo two", "echo three; read x <go; echo four"})});
  program.wait_for_out("one\n");
  go.write_lines(2);
  CHECK(space.finish(std::move(program)).out == "one\ntwo\nthree\nfour\n");
}

TEST_CASE("with --output line a whole line is seen while its task still runs, a part of one is not") {
  const TestSpace space;
  Fifo go = space.fifo("go");
  Program program = space.start({"run", "--output", "line", "-"},
                                {.input = lines({"printf 'one\\ntw'; read x <go; echo o"})});
  program.wait_for_out("one\n");
  go.write_line();
  CHECK(space.finish(std::move(program)).out == "one\ntwo\n");
}

TEST_CASE("with --output line the lines of several tasks mix and none is torn") {
  const TestSpace space;
  const std::string talk = "i=0; while [ $i -lt 300 ]; do echo task $DROVER_SEQ line $i; i=$((i+1)); done";
  const Ran ran =
      space.run({"run", "-j", "4", "--line-buffer", "-"}, {.input = lines({talk, talk, talk, talk})});
  std::vector<int> next(5, 0);
  for (const std::string& line : split_lines(ran.out)) {
    std::istringstream words(line);
    std::string task, of;
    std::size_t seq = 0;
    int number = -1;
    words >> task >> seq >> of >> number;
    REQUIRE_MESSAGE((task == "task" && of == "line" && seq >= 1 && seq <= 4), line);
    REQUIRE_MESSAGE(number == next[seq]++, line);
  }
  CHECK(next == std::vector<int>{0, 300, 300, 300, 300});
}

TEST_CASE("--output none shows no task's output") {
  const TestSpace space;
  const Ran ran = space.run({"run", "--output", "none", "-"}, {.input = lines({"echo out; echo err >&2"})});
  CHECK(ran.out.empty());
  CHECK(ran.err != Has("err\n"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("--tag puts the task's name and a tab before each line") {
  const TestSpace space;
  space.write("job.toml",
              "[[task]]\nname = \"first one\"\ncommand = \"printf 'a\\\\nb\\\\n'\"\n[[task]]\ncommand = "
              "\"echo c\"\n");
  CHECK(space.run({"run", "-k", "--tag", "job.toml"}).out == "first one\ta\nfirst one\tb\n#2\tc\n");
}

TEST_CASE("stdout and stderr of tasks stay apart") {
  const TestSpace space;
  const Ran ran =
      space.run({"run", "-k", "-"}, {.input = lines({"echo out; echo err >&2", "echo out2; echo err2 >&2"})});
  CHECK(ran.out == "out\nout2\n");
  CHECK(ran.err.starts_with("err\nerr2\n"));
}

TEST_CASE("bytes are unchanged, in stdout and in stderr, from memory and through a spool file") {
  const TestSpace space;
  for (const std::size_t size : {std::size_t{1000}, std::size_t{65536}, std::size_t{700'001}}) {
    CAPTURE(size);
    const std::string bytes = some_bytes(size);
    space.write("bytes", bytes);
    const Ran ran =
        space.run({"run", "-k", "-"}, {.input = lines({"cat bytes", "cat bytes >&2", "cat bytes"})});
    CHECK((ran.out == bytes + bytes));
    CHECK(ran.err.starts_with(bytes));
    CHECK(ran.exit_code == 0);
  }
}

TEST_CASE("output without a last newline stays without") {
  const TestSpace space;
  CHECK(space.run({"run", "-k", "-"}, {.input = lines({"printf a", "printf b"})}).out == "ab");
}

}  // namespace drover::test
