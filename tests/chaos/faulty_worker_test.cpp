// Workers that come up wrong, stand still, die or lie at the worst moment: see the table in
// runner/manual/design.md.
#include <algorithm>

#include "tests/e2e/function_job.hpp"
#include "tests/faulty/faulty.hpp"

namespace drover::test {
namespace {

// How often such a task was begun.
std::ptrdiff_t begun(const TestSpace& space, const std::string& how) {
  const auto log = split_lines(space.read("begun"));
  return std::count(log.begin(), log.end(), how);
}

// The run ends, one task alone is charged, and its neighbours in the lane ran once and are shown as they are.
void check_lie(const std::string& how) {
  CAPTURE(how);
  const TestSpace space;
  std::string list, expected;
  for (int i = 1; i <= 3; ++i) list += "fault none\n";  // teaches that such tasks are short
  list += "fault " + how + "\n";
  for (int i = 1; i <= 5; ++i) list += "fault none\n";
  for (int i = 1; i <= 5; ++i) {
    list += "echo " + std::to_string(i) + "\n";
    expected += std::to_string(i) + "\n";
  }
  const Ran ran = run_faulty(space, {"run", "-k", "-j", "1", "-"}, {.input = list});
  CAPTURE(ran.err);
  CHECK(ran.out == expected);
  CHECK(ran.err == Has("wrote into its lane what cannot be true; it is replaced"));
  CHECK(ran.err == Has("drover: task #4 worker lost"));
  CHECK(ran.err == Has("its worker handed in something that cannot be true"));
  CHECK(ran.err == Has("14 tasks: 13 succeeded, 1 failed"));
  CHECK(begun(space, how) == 1);
  CHECK(begun(space, "none") == 8);
  CHECK(ran.exit_code == 1);
}

}  // namespace

TEST_CASE("a result by descriptor that is missing, unsealed, too large or of another kind is a lie") {
  for (const char* how : {"result-missing", "result-twice", "result-unsealed", "result-pipe",
                          "result-too-large", "result-nonsense", "result-other-kind"})
    check_lie(how);
}

TEST_CASE("a spool that is missing, no regular file or shorter than was said is a lie") {
  for (const char* how : {"spool-missing", "spool-fifo", "spool-folder", "spool-socket", "spool-endless",
                          "spool-short", "spool-twice", "output-nowhere"})
    check_lie(how);
}

TEST_CASE("live files that are pipes, or hold nothing of what was said, cost their task its output only") {
  for (const std::string how : {"live-fifo", "live-short"}) {
    for (const std::string mode : {"group", "line"}) {
      CAPTURE(how);
      CAPTURE(mode);
      const TestSpace space;
      const Ran ran =
          run_faulty(space, {"run", "-j", "1", "--output", mode, "-"},
                     {.input = lines({"fault none", "fault " + how, "fault none", "echo after"})});
      CAPTURE(ran.err);
      CHECK(ran.out == "after\n");
      CHECK(ran.err == Has("4 tasks: 4 succeeded"));
      CHECK(ran.exit_code == 0);
    }
  }
}

TEST_CASE("an outcome whose worker dies before its bell counts, and its task ran once") {
  const TestSpace space;
  // More than the deaths without a task in hand that a run survives: outcomes come in between.
  std::string list, expected;
  for (int i = 1; i <= 8; ++i) {
    list += "fault die-before-bell " + std::to_string(i) + "\n";
    expected += std::to_string(i) + "\n";
  }
  const Ran ran = run_faulty(space, {"run", "-k", "-j", "1", "-"}, {.input = list});
  CAPTURE(ran.err);
  CHECK(ran.out == expected);
  CHECK(ran.err == Has("8 tasks: 8 succeeded"));
  CHECK(begun(space, "die-before-bell") == 8);
  CHECK(ran.exit_code == 0);
}

TEST_CASE("workers of another version, or with other functions, end the run with status 3") {
  for (const std::string fault : {"other-version", "other-functions"}) {
    for (const std::string task : {"command = \"echo never\"", "function = \"noop\""}) {
      CAPTURE(fault);
      CAPTURE(task);
      const TestSpace space;
      space.write("job.toml", "[[task]]\n" + task + "\n");
      const Ran ran = run_faulty(space, {"run", "-j", "2", "job.toml"}, {}, fault);
      CHECK(ran.err == Has("drover-worker is of another version, or knows other functions than it said; "
                           "install both programs together"));
      CHECK(ran.err == Has("1 not run"));
      CHECK(ran.out.empty());
      CHECK(ran.exit_code == 3);
    }
  }
}

TEST_CASE("function workers that stand still before they greet get nothing, and the others do all") {
  const TestSpace space;
  FunctionJob job;
  for (int i = 1; i <= 100; ++i) job.add(std::to_string(i), "count_primes", "1, 100");
  space.write("job.toml", job.text());
  const Ran ran = run_faulty(space, {"run", "-k", "-j", "2", "job.toml"}, {}, "stop-before-greeting");
  CHECK(space.exists("stopped"));
  CHECK(split_lines(ran.out) == std::vector<std::string>(100, "25"));
  CHECK(ran.err == Has("100 tasks: 100 succeeded"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE(
    "what a command worker was given that stands still before it greets is taken back; once it goes on "
    "it works") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  std::string list, expected;
  for (int i = 1; i <= 20; ++i) {
    list += "echo " + std::to_string(i) + "\n";
    expected += std::to_string(i) + "\n";
  }
  Program program = start_faulty(space, {"run", "-k", "-j", "2", "-"},
                                 {.input = list, .keep_input_open = true}, "stop-before-greeting");
  program.wait_for_out(expected);
  std::vector<pid_t> stopped;
  for (const pid_t worker : workers_of(program.pid()))
    if (stat_fields(worker).front() == "T") stopped.push_back(worker);
  REQUIRE(stopped.size() == 1);
  ::kill(stopped.front(), SIGCONT);
  // Both at once: so one of them is the late worker's.
  program.write_input(lines({"echo >up; read x <go; echo a", "echo >up; read x <go; echo b"}));
  up.read_lines(2);
  CHECK(workers_of(program.pid()).size() == 2);
  go.write_lines(2);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == expected + "a\nb\n");
  CHECK(ran.err == Has("22 tasks: 22 succeeded"));
  CHECK(ran.exit_code == 0);
}

}  // namespace drover::test
