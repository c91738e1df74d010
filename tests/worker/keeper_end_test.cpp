// The keeper when others fail: its coordinator, its terminal, itself.
#include <array>
#include <set>
#include <sstream>

#include "tests/worker/keeper_fixture.hpp"

using namespace drover;
using namespace drover::test;

namespace {

std::string field_of(const std::string& status, const std::string& name) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + ":")) return line.substr(name.size() + 2);
  return {};
}

// A coordinator in a process of its own, which the test can kill: one keeper, one worker (number 1) with a
// daemon. Beside it lives a forked child that holds everything it has, the socket to the keeper among it.
struct KilledCoordinator {
  Pipe lifeline;      // of the worker and its daemon
  Pipe fork_release;  // the forked child ends with it
  pid_t pid = -1, worker = -1;
  UniqueFd keeper;  // pidfd

  KilledCoordinator() {
    Pipe told;
    pid = ::fork();
    if (pid == 0) {
      TestKeeper kept;
      Event event = kept.started(1, kDaemon + kWait, lifeline);
      if (::fork() == 0) {
        fork_release.write_end.reset();
        lifeline.write_end.reset();
        told.write_end.reset();
        fork_release.line();
        ::_exit(0);
      }
      fork_release.write_end.reset();
      lifeline.write_end.reset();
      const std::array<pid_t, 2> pids{kept.pid(), event.started.pid};
      (void)!::write(told.write_end.get(), pids.data(), sizeof pids);
      for (;;) ::pause();
    }
    std::array<pid_t, 2> pids{};
    REQUIRE(::read(told.read_end.get(), pids.data(), sizeof pids) == sizeof pids);
    keeper = pidfd_of(pids[0]);
    REQUIRE(keeper);
    worker = pids[1];
    REQUIRE(lifeline.line() == "daemon");
  }
  void check_everything_ends() {
    ::waitpid(pid, nullptr, 0);
    lifeline.wait_until_ended();
    wait_until_readable(keeper.get());
  }
};

}  // namespace
TEST_CASE("the keeper survives the terminal's signals, and its workers have the original dispositions") {
  TestKeeper keeper({.program = "/bin/cat", .in_child = [] {
                       for (const int each : {SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR2})
                         ::signal(each, SIG_DFL);
                       ::signal(SIGHUP, SIG_IGN);   // nohup
                       ::signal(SIGCHLD, SIG_IGN);  // a careless host program
                       sigset_t mask;
                       ::sigemptyset(&mask);
                       ::sigaddset(&mask, SIGUSR1);
                       ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
                     }});
  const auto status_of_worker = [&](WorkerId id) {
    Pipe out;
    StartWorkerMessage request = request_for(id, {"cat", "/proc/self/status"});
    request.fd_count = 1;
    request.targets[0] = STDOUT_FILENO;
    const int fd = out.write_end.get();
    REQUIRE(keeper.try_send(request, {&fd, 1}));
    keeper.next(KeeperMessage::Started, id);
    CHECK(keeper.exit_of(id).exited.status == 0);
    return out.read_all();
  };
  REQUIRE(!status_of_worker(1).empty());  // it has begun
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(keeper.pid(), each);
  const std::string status = status_of_worker(2);
  const auto bit = [](int signal) { return std::uint64_t{1} << (signal - 1); };
  const std::uint64_t ignored = std::stoull(field_of(status, "SigIgn"), nullptr, 16);
  CHECK((ignored & (bit(SIGINT) | bit(SIGTERM) | bit(SIGQUIT) | bit(SIGPIPE) | bit(SIGUSR2))) == 0);
  CHECK((ignored & bit(SIGHUP)) != 0);
  CHECK((ignored & bit(SIGCHLD)) == 0);
  CHECK(std::stoull(field_of(status, "SigBlk"), nullptr, 16) == bit(SIGUSR1));
}

TEST_CASE("when the coordinator is killed everything ends, though a forked child still holds its socket") {
  KilledCoordinator coordinator;
  ::kill(coordinator.pid, SIGKILL);
  coordinator.check_everything_ends();
}

TEST_CASE("when coordinator and worker die at once everything ends") {
  for (int round = 0; round < 10; ++round) {
    KilledCoordinator coordinator;
    ::kill(coordinator.pid, SIGKILL);
    ::kill(coordinator.worker, SIGKILL);
    coordinator.check_everything_ends();
  }
}

TEST_CASE("when the socket closes everything ends") {
  TestKeeper keeper;
  Pipe lifeline;
  keeper.started(1, kDaemon + kHopper + kWait, lifeline);
  keeper.started(2, kDaemon + "kill -STOP $$", lifeline);
  std::multiset<std::string> said{lifeline.line(), lifeline.line(), lifeline.line()};
  REQUIRE(said == std::multiset<std::string>{"daemon", "daemon", "hopper"});
  keeper.hang_up();
  const int status = keeper.wait();
  CHECK(lifeline.has_ended());
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("workers die with their keeper") {
  TestKeeper keeper;
  Pipe lifeline;
  for (WorkerId id = 1; id <= 3; ++id) keeper.started(id, kWait, lifeline);
  ::kill(keeper.pid(), SIGKILL);
  wait_until_readable(keeper.pidfd());
  lifeline.wait_until_ended();
  CHECK(WTERMSIG(keeper.wait()) == SIGKILL);
}
