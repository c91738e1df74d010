// A stop that meets workers as they go from one task to the next: what is not begun is taken back, then what
// is in hand is exact.
#include <algorithm>
#include <random>

#include "tests/e2e/function_job.hpp"
#include "tests/faulty/faulty.hpp"

namespace drover::test {
namespace {

// "N succeeded" of the last line.
int count_of(const std::string& summary, const std::string& what) {
  const auto at = summary.rfind(" " + what);
  if (at == std::string::npos) return 0;
  const auto begin = summary.find_last_of(" (", at - 1);
  return std::stoi(summary.substr(begin + 1, at - begin - 1));
}

// Nobody was taken for a liar, and what has begun is what is told as begun: `most_in_hand` were cut short.
void check_account(const Ran& ran, int begun, int tasks, int most_in_hand) {
  CAPTURE(ran.err);
  CHECK(ran.err != Has("cannot be true"));
  CHECK(ran.err != Has("worker lost"));
  const auto at = ran.err.rfind("drover: " + std::to_string(tasks) + " tasks: ");
  REQUIRE(at != std::string::npos);
  const std::string summary = ran.err.substr(at, ran.err.find('\n', at) - at);
  CAPTURE(summary);
  const int ended = count_of(summary, "succeeded") + count_of(summary, "failed");
  CHECK(begun >= ended);
  CHECK(begun <= ended + most_in_hand);
  CHECK(ended + count_of(summary, "cancelled") == tasks);
}

}  // namespace

TEST_CASE("a worker that stands between two tasks at a stop begins none of those that were queued") {
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    const TestSpace space;
    Fifo between = space.fifo("between"), go = space.fifo("go"), up = space.fifo("up"),
         end = space.fifo("end");
    // Hears SIGTERM whenever that comes, says so, and stays.
    const std::string stays = "trap '' TERM; DROVER_PROGRESS_FD=9 " +
                              std::string(::getenv("DROVER_CHILDREN")) +
                              "/on_term exit 0 9>up; echo >up; read x <end";
    std::string list = "fault none\n" + stays + "\nfault none\nfault none\nfault pause-between\n";
    for (int i = 0; i < 20; ++i) list += "fault never\n";
    Program program = start_faulty(space, {"run", "-j", "2", "--grace", "1h", "-"}, {.input = list});
    up.read_line();
    between.read_line();
    program.signal(signal);
    up.read_line();  // from the worker that is seen to after the one that stands
    go.write_line();
    end.write_line();
    const Ran ran = space.finish(std::move(program));
    CHECK(ran.signal == signal);
    CHECK(space.read("begun") == "none\nnone\nnone\npause-between\n");
    check_account(ran, 5, 25, 1);
  }
}

TEST_CASE("a worker that stands between two tasks at a halt begins none of those that were queued") {
  for (const std::string halt : {"now,fail=1", "soon,fail=1"}) {
    CAPTURE(halt);
    const TestSpace space;
    const Fifo between = space.fifo("between");
    Fifo go = space.fifo("go");
    std::string list = "fault none\nfault none\nfault none\nfault pause-between failed\n";
    for (int i = 0; i < 20; ++i) list += "fault never\n";
    Program program = start_faulty(space, {"run", "-j", "1", "--halt", halt, "-"}, {.input = list});
    program.wait_for_err("drover: halting");
    go.write_line();
    const Ran ran = space.finish(std::move(program));
    CHECK(ran.exit_code == 1);
    CHECK(space.read("begun") == "none\nnone\nnone\npause-between\n");
    check_account(ran, 4, 24, 0);
  }
}

TEST_CASE("a stop finds a worker one task further than it was heard of, and ends that one") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  const Fifo never = space.fifo("never");
  space.write("wait", "echo >up; read x <never\n");
  std::string list =
      "fault none\nfault none\nfault none\nfault go-on-before-bell told\nfault honest sh wait\n";
  for (int i = 0; i < 10; ++i) list += "fault never\n";
  Program program = start_faulty(space, {"run", "-j", "1", "-"}, {.input = list});
  up.read_line();
  program.signal(SIGINT);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGINT);
  CHECK(ran.out == "told\n");
  CHECK(space.read("begun") == "none\nnone\nnone\ngo-on-before-bell\nhonest\n");
  CHECK(ran.err == Has("15 tasks: 4 succeeded, 11 cancelled"));
  check_account(ran, 5, 15, 1);
}

TEST_CASE("stops at random moments of many short commands leave an exact account") {
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    const TestSpace space;
    Fifo ticks = space.fifo("ticks");
    const Fifo never = space.fifo("never");
    std::string list;
    for (int i = 0; i < 299; ++i) list += "echo $DROVER_SEQ >>log; echo >>ticks\n";
    list += "read x <never\n";  // so the run is not over before the stop
    Program program = space.start({"run", "-j", "3", "-"}, {.input = list});
    ticks.read_lines(static_cast<int>(random() % 150) + 1);
    program.signal(SIGINT);
    const Ran ran = space.finish(std::move(program));
    CHECK(ran.signal == SIGINT);
    check_account(ran, static_cast<int>(split_lines(space.read("log")).size()), 300, 3);
  }
}

TEST_CASE("stops and halts at random moments of many short functions leave an exact account") {
  std::mt19937 random(4);
  for (int round = 0; round < 12; ++round) {
    CAPTURE(round);
    const TestSpace space;
    Fifo ticks = space.fifo("ticks");
    const int last = static_cast<int>(random() % 200) + 1;
    const bool halt = round % 2 == 0;
    FunctionJob job;
    for (int i = 1; i <= (halt ? 400 : 399); ++i)
      job.add(std::to_string(i), halt && i == last ? "throw_own" : "logged",
              halt && i == last ? "" : "\"log\", \"ticks\", 0");
    if (!halt) job.add("last", "loop_for_ever");
    space.write("job.toml", job.text());
    Program program = space.start(with_plugin({"-j", "3", "--output", "none", "--halt", "now,fail=1"}));
    if (!halt) {
      ticks.read_lines(last);
      program.signal(SIGINT);
    }
    const Ran ran = space.finish(std::move(program));
    CHECK((halt ? ran.exit_code == 1 : ran.signal == SIGINT));
    const auto log = split_lines(space.read("log"));
    const auto begun = std::count_if(log.begin(), log.end(),
                                     [](const std::string& line) { return line.starts_with("start"); });
    check_account(ran, static_cast<int>(begun) + (halt ? 1 : 0), 400, 3);
  }
}

}  // namespace drover::test
