// Nothing of a command is left when it is over.
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "tests/worker/command_fixture.hpp"
#include "worker/command/leftovers.hpp"

using namespace drover;
using namespace drover::command_test;
using namespace std::chrono_literals;

namespace {

std::string read_fifo(const std::string& path) {
  std::ifstream in(path);
  std::string word;
  in >> word;
  return word;
}

// What a worker reports when a process of its command cannot be buried.
struct Report {
  std::uint32_t unkillable = 0, left_behind = 0;
  bool leader_known = false;
  char names[100] = {};
};

// A command that has ended and left nothing behind.
pid_t ended_leader() {
  const pid_t leader = ::fork();
  if (leader == 0) {
    ::setsid();
    ::_exit(0);
  }
  siginfo_t ended;
  if (::waitid(P_PID, static_cast<id_t>(leader), &ended, WEXITED | WNOWAIT) != 0) ::_exit(1);
  return leader;
}

// The worker: its first command says its pid and goes on, the two others have ended. Buries one at each cue.
[[noreturn]] void bury_on_cue(const std::string& pid_fifo, int cue_fd, int report_fd) {
  (void)become_reaper().ok();
  const pid_t leader = ::fork();
  if (leader == 0) {
    ::setsid();
    ::execl("/bin/sh", "sh", "-c", "echo $$ > \"$0\"; exec sleep 1000", pid_fifo.c_str(), nullptr);
    ::_exit(127);
  }
  for (int round = 0; round < 3; ++round) {
    char cue = 0;
    if (::read(cue_fd, &cue, 1) != 1) ::_exit(1);
    const Leftovers left = end_leftovers(round == 0 ? leader : ended_leader(), GroupWas::Running, 200ms);
    Report report{left.unkillable, left.left_behind, left.leader_status.has_value(), {}};
    left.unkillable_names.copy(report.names, sizeof report.names - 1);
    if (::write(report_fd, &report, sizeof report) != sizeof report) ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

TEST_CASE("a daemon in a session of its own is ended and counted") {
  const CommandResult result = run(command({child("daemon")}));
  CHECK(result.outcome.succeeded());
  CHECK(result.outcome.left_behind == 1);
  CHECK(is_gone(std::stoi(result.out.head)));
}

TEST_CASE("a process that changes its pid all the time is ended") {
  const CommandResult result = run(command({child("pid_hopper")}));
  CHECK(result.outcome.succeeded());
  CHECK(result.outcome.left_behind >= 1);
  CHECK(result.outcome.unkillable == 0);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("all background children are ended and counted, dead ones are not") {
  const CommandResult result = run(script("sleep 1000 & sleep 1000 & (exit 0) & (exit 0) & echo $!"));
  CHECK(result.outcome.succeeded());
  // The two that exit may be slower than their parent; the two that sleep are always there.
  CHECK(result.outcome.left_behind >= 2);
  CHECK(result.outcome.left_behind <= 4);
  CHECK(is_gone(std::stoi(result.out.head)));
}

TEST_CASE("a background child that has ended before was not left behind") {
  const CommandResult result = run(script("(exit 0) & while [ -e /proc/$!/fd/0 ]; do :; done"));
  CHECK(result.outcome.succeeded());
  CHECK(result.outcome.left_behind == 0);
}

TEST_CASE("what a background child has printed is in the output") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  const CommandResult result = run(script("(echo child; echo > " + cue + "; sleep 1000) & cat " + cue));
  CHECK(result.out.head == "child\n\n");
  CHECK(result.outcome.left_behind >= 1);
}

TEST_CASE("one command's leftovers are not counted for the next") {
  TestWorker worker;
  TestControl control;
  CHECK(run_command(command({child("daemon")}), control).outcome.left_behind == 1);
  CHECK(run_command(command({"true"}), control).outcome.left_behind == 0);
}

TEST_CASE("a process that SIGKILL does not end is given up, named, and counted once") {
  // A process with a tracer stays for its parent until the tracer has looked at its end; here it does not
  // look.
  const TestFolder folder;
  const std::string pid_fifo = folder.fifo("pid");
  int cues[2], reports[2];
  REQUIRE(::pipe2(cues, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(reports, O_CLOEXEC) == 0);
  const pid_t worker = ::fork();
  if (worker == 0) bury_on_cue(pid_fifo, cues[0], reports[1]);
  ::close(reports[1]);
  const pid_t leader = std::stoi(read_fifo(pid_fifo));
  REQUIRE(::ptrace(PTRACE_SEIZE, leader, nullptr, nullptr) == 0);
  const auto bury_next = [&] {
    REQUIRE(::write(cues[1], "!", 1) == 1);
    Report report;
    REQUIRE(::read(reports[0], &report, sizeof report) == sizeof report);
    return report;
  };

  const Report first = bury_next();
  CHECK(first.unkillable == 1);
  CHECK_FALSE(first.leader_known);
  CHECK(std::string(first.names).starts_with(std::to_string(leader) + " ("));
  const Report still_there = bury_next();
  CHECK(still_there.unkillable == 0);
  CHECK(still_there.leader_known);
  CHECK(::waitpid(leader, nullptr, __WALL) == leader);  // now its parent sees it
  const Report gone = bury_next();
  CHECK(gone.unkillable == 0);
  CHECK(gone.left_behind == 0);

  for (const int fd : {cues[0], cues[1], reports[0]}) ::close(fd);
  int status = 0;
  REQUIRE(::waitpid(worker, &status, 0) == worker);
  CHECK(status == 0);
}
