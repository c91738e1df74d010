// Workers that are killed again and again while tasks run: every task ends once, none is lost, none is
// charged for another.
#include <algorithm>
#include <random>

#include "tests/chaos/task_log.hpp"
#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

constexpr int kTasks = 1000;
constexpr int kRetries = 50;

// Kills a worker for about every seventh task that begins, until the run has ended. How many were killed.
int kill_workers(Program& program, Fifo& ticks, unsigned seed) {
  std::mt19937 random(seed);
  int kills = 0, left = 3;
  while (program.wait_for_readable(ticks.fd())) {
    while (ticks.try_line()) --left;
    if (left > 0) continue;
    left = static_cast<int>(random() % 13) + 1;
    const auto workers = workers_of(program.pid());
    if (workers.empty()) continue;
    ::kill(workers[random() % workers.size()], SIGKILL);
    ++kills;
  }
  return kills;
}

void check_end(const Ran& ran, const TaskLog& log, int kills) {
  MESSAGE(kills << " workers killed, " << log.starts << " attempts");
  CAPTURE(ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(ran.err == Has("drover: 1000 tasks: 1000 succeeded in "));
  CHECK(kills >= 20);
  log.check_all_ended(kTasks, kRetries + 1);
  CHECK(log.further_ends() <= kills);
  CHECK(log.starts <= kTasks + kills);  // nobody is begun again but for a worker that died
}

}  // namespace

TEST_CASE("commands whose workers are killed at random all end, once each, and nothing is left") {
  const auto shm = shm_names();
  const TestSpace space;
  Fifo ticks = space.fifo("ticks");
  std::string list;
  std::vector<std::string> expected;
  for (int i = 1; i <= kTasks; ++i) {
    list += kLoggedCommand + "; echo $DROVER_SEQ\n";
    expected.push_back(std::to_string(i));
  }
  Program program =
      space.start({"run", "-k", "-j", "4", "--retries", std::to_string(kRetries), "-"}, {.input = list});
  const int kills = kill_workers(program, ticks, 1);
  const Ran ran = space.finish(std::move(program));
  // What an attempt had shown live before its worker was killed is shown again by the next one, and nothing
  // else is.
  auto printed = split_lines(ran.out);
  const auto all = static_cast<int>(printed.size());
  printed.erase(std::unique(printed.begin(), printed.end()), printed.end());
  CHECK(all - static_cast<int>(printed.size()) <= kills);
  CHECK((printed == expected));
  check_end(ran, TaskLog(space.read("log")), kills);
  CHECK(shm_names() == shm);
}

TEST_CASE("functions whose workers are killed at random all end, once each, and nothing is left") {
  const auto shm = shm_names();
  const TestSpace space;
  Fifo ticks = space.fifo("ticks");
  FunctionJob job;
  for (int i = 1; i <= kTasks; ++i) job.add("t" + std::to_string(i), "logged", "\"log\", \"ticks\", 2000000");
  space.write("job.toml", job.text());
  Program program =
      space.start(with_plugin({"--output", "none", "-j", "4", "--retries", std::to_string(kRetries)}));
  const int kills = kill_workers(program, ticks, 2);
  check_end(space.finish(std::move(program)), TaskLog(space.read("log")), kills);
  CHECK(shm_names() == shm);
}

TEST_CASE("without retries a killed worker costs exactly the task that it had in hand") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  std::string list = "echo >up; read x <go; echo survived\n";
  for (int i = 2; i <= 100; ++i) list += "echo task " + std::to_string(i) + "\n";
  Program program = space.start({"run", "-k", "-j", "1", "-"}, {.input = list});
  up.read_line();
  const auto workers = workers_of(program.pid());
  REQUIRE(workers.size() == 1);
  ::kill(workers.front(), SIGKILL);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out != Has("survived"));
  CHECK(ran.out.starts_with("task 2\n"));
  CHECK(ran.err == Has("task #1 worker lost (SIGKILL)"));
  CHECK(ran.err == Has("100 tasks: 99 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a worker that is stopped for a while costs nothing, and its queue goes to others") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go"), ended = space.fifo("ended");
  std::string list = "echo >up; read x <go; echo first\n";
  for (int i = 2; i <= 50; ++i) list += "echo >ended; echo task\n";
  Program program =
      space.start({"run", "-k", "-j", "2", "-"}, {.input = "echo warm\n", .keep_input_open = true});
  program.wait_for_out("warm\n");
  const auto before = workers_of(program.pid());
  REQUIRE_FALSE(before.empty());
  program.write_input(list);
  up.read_line();
  // The one whose child waits for us.
  pid_t stopped = 0;
  for (const pid_t worker : workers_of(program.pid()))
    if (!children_of(worker, "read x").empty()) stopped = worker;
  REQUIRE(stopped != 0);
  ::kill(stopped, SIGSTOP);
  ended.read_lines(49);
  go.write_line();
  ::kill(stopped, SIGCONT);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out.starts_with("warm\nfirst\ntask\n"));
  CHECK(ran.err == Has("51 tasks: 51 succeeded"));
  CHECK(ran.exit_code == 0);
}

}  // namespace drover::test
