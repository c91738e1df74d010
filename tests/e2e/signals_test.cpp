// Signals to drover itself, and readers that go away.
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

const std::string kGoesAtTerm = "trap 'echo bye; exit 0' TERM; echo >up; read x <never";
const std::string kIgnoresTerm = "trap '' TERM; echo >up; read x <never";

}  // namespace

TEST_CASE(
    "the first SIGINT or SIGTERM ends what runs, starts nothing more, and drover ends by the same signal") {
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    const TestSpace space;
    Fifo up = space.fifo("up"), never = space.fifo("never");
    Program program = space.start({"run", "-j", "1", "-"}, {.input = lines({kGoesAtTerm, "touch second"})});
    up.read_line();
    program.signal(signal);
    const Ran ran = space.finish(std::move(program));
    CHECK(ran.signal == signal);
    CHECK(ran.out == "bye\n");
    CHECK_FALSE(space.exists("second"));
  }
}

TEST_CASE("a second SIGINT kills at once") {
  const TestSpace space;
  Fifo up = space.fifo("up"), never = space.fifo("never");
  Program program =
      space.start({"run", "-j", "2", "--grace", "1000", "-"}, {.input = lines({kIgnoresTerm, kIgnoresTerm})});
  up.read_lines(2);
  program.signal(SIGINT);
  program.wait_for_err("again kills at once");
  program.signal(SIGINT);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGINT);
}

TEST_CASE("after SIGTERM a task that ignores it is killed when its grace is over") {
  const TestSpace space;
  Fifo up = space.fifo("up"), never = space.fifo("never");
  Program program = space.start({"run", "--grace", "200ms", "-"}, {.input = lines({kIgnoresTerm})});
  up.read_line();
  program.signal(SIGTERM);
  CHECK(space.finish(std::move(program)).signal == SIGTERM);
}

TEST_CASE("a task that is stopped hears SIGTERM all the same") {
  const TestSpace space;
  Fifo up = space.fifo("up"), never = space.fifo("never");
  Program program =
      space.start({"run", "--grace", "1000", "-"},
                  {.input = lines({"trap 'echo bye; exit' TERM; echo >up; kill -STOP $$; read x <never"})});
  up.read_line();
  program.signal(SIGTERM);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "bye\n");
  CHECK(ran.signal == SIGTERM);
}

TEST_CASE("SIGHUP drains: what runs finishes, nothing more is started") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program = space.start({"run", "-j", "1", "-"},
                                {.input = lines({"echo >up; read x <go; echo finished", "touch second"})});
  up.read_line();
  program.signal(SIGHUP);
  program.wait_for_err("SIGHUP");
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "finished\n");
  CHECK_FALSE(space.exists("second"));
  CHECK(ran.signal == SIGHUP);
}

TEST_CASE("a signal ends a run that waits for more input") {
  const TestSpace space;
  Program program = space.start({"run", "-"}, {.input = "echo first\n", .keep_input_open = true});
  program.wait_for_out("first\n");
  program.signal(SIGTERM);
  Fifo unused = space.fifo("unused");
  CHECK_FALSE(program.wait_for_readable(unused.fd()));  // it ends, though its input is open
  CHECK(space.finish(std::move(program)).signal == SIGTERM);
}

TEST_CASE("a reader that has had enough ends the run, with what runs") {
  const TestSpace space;
  Program program =
      space.start({"run", "--output", "line", "-"}, {.input = lines({"yes", "yes", "touch third"})});
  program.wait_for_out("y\n");
  program.close_out();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGPIPE);
}

TEST_CASE("a reader that has had enough of many short tasks ends the run long before its end") {
  const TestSpace space;
  std::string list;
  for (int i = 0; i < 100'000; ++i) list += "echo x >>log; echo y\n";
  Program program = space.start({"run", "-k", "-"}, {.input = list});
  program.wait_for_out("y\n");
  program.close_out();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGPIPE);
  CHECK(space.read("log").size() < 100'000);
}

TEST_CASE("a second signal gives up output that nobody reads") {
  const TestSpace space;
  Fifo ended = space.fifo("ended");
  Program program = space.start({"run", "-"}, {.input = lines({"head -c 3000000 /dev/zero; echo >ended"})});
  program.stop_reading_out();
  ended.read_line();
  program.signal(SIGTERM);
  program.wait_until_taken(SIGTERM);
  program.signal(SIGTERM);
  CHECK(space.finish(std::move(program)).signal == SIGTERM);
}

}  // namespace drover::test
