// Deaths and standstills that the other files leave out: see the table in runner/manual/design.md.
#include <sys/ioctl.h>

#include <filesystem>

#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

// The worker, and the shell of the only task that runs, which waits for a line of `fifo`.
struct InHand {
  pid_t worker = 0, shell = 0;
};

InHand find_in_hand(const Program& program, const std::string& fifo) {
  for (const pid_t worker : workers_of(program.pid()))
    if (const auto shells = children_of(worker, fifo); !shells.empty()) return {worker, shells.front()};
  FAIL("no worker has a command in hand");
  return {};
}

// Until the worker has read all that the command has written so far, and sleeps again: then it has said so in
// its lane, too.
void wait_until_taken(const InHand& in_hand) {
  const Instant limit = now() + kWatchdog;
  for (const char* stream : {"1", "2"}) {
    const UniqueFd pipe(
        ::open(("/proc/" + std::to_string(in_hand.shell) + "/fd/" + stream).c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(pipe);
    for (int unread = 1; unread != 0; ::sched_yield()) {
      REQUIRE(::ioctl(pipe.get(), FIONREAD, &unread) == 0);
      if (now() > limit) FAIL("the worker does not read");
    }
  }
  while (stat_fields(in_hand.worker).at(0) != "S")
    if (now() > limit) FAIL("the worker does not come to rest");
}

// What a command prints when its worker is killed in the moment in which the coordinator, which has shown
// "shown", does not look.
Ran kill_worker_behind_its_back(const TestSpace& space, const std::vector<std::string>& options) {
  Fifo go = space.fifo("go"), up = space.fifo("up");
  std::vector<std::string> args{"run", "-j", "1"};
  args.insert(args.end(), options.begin(), options.end());
  args.emplace_back("-");
  Program program = space.start(
      args, {.input = lines({"echo shown; read x <go; echo announced; printf half >&2; echo >up; read x <go",
                             "echo next"})});
  program.wait_for_out("shown\n");
  const InHand in_hand = find_in_hand(program, "go");
  program.signal(SIGSTOP);
  go.write_line();
  up.read_line();
  wait_until_taken(in_hand);
  ::kill(in_hand.worker, SIGKILL);
  program.signal(SIGCONT);
  return space.finish(std::move(program));
}

}  // namespace

TEST_CASE("of a command whose worker is killed the last 2 KiB of stderr are shown, and no more") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program =
      space.start({"run", "-j", "1", "-"},
                  {.input = "seq 100000 101000 >&2; printf 'the end' >&2; echo >up; read x <go\n"});
  up.read_line();
  const InHand in_hand = find_in_hand(program, "go");
  wait_until_taken(in_hand);
  ::kill(in_hand.worker, SIGKILL);
  const Ran ran = space.finish(std::move(program));
  std::string printed;
  for (int i = 100'000; i <= 101'000; ++i) printed += std::to_string(i) + "\n";
  printed += "the end";
  const std::string shown = ran.err.substr(0, ran.err.find("\ndrover: "));
  CHECK(shown == printed.substr(printed.size() - 2048));
  CHECK(ran.err == Has("task #1 worker lost (SIGKILL)"));
}

TEST_CASE("with --output line all that a killed worker had announced is shown") {
  const TestSpace space;
  const Ran ran = kill_worker_behind_its_back(space, {"--output", "line"});
  CHECK(ran.out == "shown\nannounced\nnext\n");
  CHECK(ran.err.starts_with("half\n"));
  CHECK(ran.err.find("half") == ran.err.rfind("half"));
  CHECK(ran.err == Has("task #1 worker lost (SIGKILL)"));
}

TEST_CASE("with -k all that the killed worker of the first task had announced is shown, and then the next") {
  const TestSpace space;
  const Ran ran = kill_worker_behind_its_back(space, {"-k"});
  CHECK(ran.out == "shown\nannounced\nnext\n");
  CHECK(ran.err.starts_with("half"));
  CHECK(ran.err.find("half") == ran.err.rfind("half"));
  CHECK(ran.err == Has("task #1 worker lost (SIGKILL)"));
}

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
