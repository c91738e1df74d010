// The coordinator's side of the keeper: workers start and end, and each party may die in between.
#include <sys/mman.h>

#include <filesystem>
#include <set>
#include <vector>

#include "common/keeper_protocol.hpp"
#include "tests/runner/keeper_client_fixture.hpp"

using namespace drover;
using namespace drover::test;

TEST_CASE("a worker starts with its arguments and descriptors, and its end is told") {
  KeeperClient client = start(shell_workers());
  Pipe pipe;
  REQUIRE(start_script(client, 5, "echo worker $0 >&9; exit 3", pipe).ok());
  const auto begun = next<WorkerStarted>(client, 5);
  CHECK(begun.pid > 0);
  wait_until_readable(begun.pidfd.get());
  const auto ended = next<WorkerExited>(client, 5);
  CHECK(WEXITSTATUS(ended.status) == 3);
  CHECK(ended.usage.max_rss_kib > 0);
  CHECK(ended.unkillable == 0);
  CHECK(pipe.read_all() == "worker 5\n");
  CHECK(!client.next_event());
}

TEST_CASE("a keeper that is not there is an error, and leaves nothing") {
  KeeperClient::Options options = shell_workers();
  options.keeper_program = "/no/such/keeper";
  const auto client = KeeperClient::start(options);
  REQUIRE(!client.ok());
  CHECK(client.error().code == ENOENT);
  check_no_child_left();
}

TEST_CASE("a worker program that is not there is told") {
  KeeperClient::Options options = shell_workers();
  options.worker_program = "/no/such/worker";
  KeeperClient client = start(options);
  const Pipe pipe;
  REQUIRE(start_script(client, 1, "", pipe).ok());
  const auto failed = next<WorkerStartFailed>(client, 1);
  CHECK(failed.code == ENOENT);
  CHECK(failed.text == "exec /no/such/worker: No such file or directory");
}

TEST_CASE("workers start from the image descriptor") {
  const UniqueFd image(::open("/bin/cat", O_RDONLY | O_CLOEXEC));
  const UniqueFd text(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::write(text.get(), "from the image", 14) == 14);
  KeeperClient::Options options = shell_workers();
  options.image_fd = image.get();
  KeeperClient client = start(options);
  Pipe out;
  // A target with the number under which the keeper itself holds the image.
  const LaunchOptions::Pass pass[] = {{text.get(), kKeeperImageFd}, {out.write_end.get(), STDOUT_FILENO}};
  const std::string args[] = {"cat", "/dev/fd/" + std::to_string(kKeeperImageFd)};
  REQUIRE(client.start_worker(1, pass, args).ok());
  next<WorkerStarted>(client, 1);
  CHECK(next<WorkerExited>(client, 1).status == 0);
  CHECK(out.read_all() == "from the image");
}

TEST_CASE("too many arguments or descriptors are refused before anything is sent") {
  KeeperClient client = start(shell_workers());
  const Pipe pipe;
  CHECK(start_script(client, 1, std::string(StartWorkerMessage::kMaxArgBytes, 'x'), pipe).error().code ==
        E2BIG);
  const std::string args[] = {"sh", "-c", "exit 0"};
  std::vector<LaunchOptions::Pass> pass;
  for (int target = 10; pass.size() <= kMaxPacketFds; ++target)
    pass.push_back({pipe.write_end.get(), target});
  CHECK(client.start_worker(1, pass, args).error().code == E2BIG);
  pass.pop_back();
  REQUIRE(client.start_worker(1, pass, args).ok());  // the number is still free
  next<WorkerStarted>(client, 1);
  CHECK(next<WorkerExited>(client, 1).status == 0);
}

TEST_CASE("the longest arguments arrive whole") {
  KeeperClient client = start(shell_workers());
  Pipe pipe;
  const std::string script = "printf '%s' \"$1\" >&9";
  const std::string text(
      StartWorkerMessage::kMaxArgBytes - script.size() - sizeof "sh" - sizeof "-c" - sizeof "0" - 2, 'x');
  const LaunchOptions::Pass pass[] = {{pipe.write_end.get(), 9}};
  const std::string args[] = {"sh", "-c", script, "0", text};
  REQUIRE(client.start_worker(1, pass, args).ok());
  CHECK(pipe.read_all() == text);
}

TEST_CASE("requests that a stopped keeper does not take are queued, and none is lost") {
  KeeperClient client = start(shell_workers());
  check_serves(client, 1000);
  stop(client.pid());
  constexpr WorkerId kMany = 100;
  Pipe pipe;
  for (WorkerId id = 1; id <= kMany; ++id) {
    const UniqueFd given_away(::fcntl(pipe.write_end.get(), F_DUPFD_CLOEXEC, 3));
    const LaunchOptions::Pass pass[] = {{given_away.get(), 9}};
    const std::string args[] = {"sh", "-c", "echo $0 >&9", std::to_string(id)};
    REQUIRE(client.start_worker(id, pass, args).ok());  // and the descriptor is closed
  }
  CHECK(!client.next_event());
  CHECK(!is_readable(client.fd(), 0));  // nothing to do: no busy waiting for the stopped one
  ::kill(client.pid(), SIGCONT);
  std::set<WorkerId> begun;
  std::set<WorkerId> ended;
  while (ended.size() < kMany) {
    const KeeperEvent event = next_event(client);
    if (const auto* start_told = std::get_if<WorkerStarted>(&event))
      CHECK(begun.insert(start_told->id).second);
    if (const auto* end_told = std::get_if<WorkerExited>(&event)) CHECK(ended.insert(end_told->id).second);
    REQUIRE(!std::holds_alternative<WorkerStartFailed>(event));
  }
  CHECK(begun == ended);
  std::multiset<WorkerId> said;
  for (WorkerId i = 0; i < kMany; ++i) said.insert(static_cast<WorkerId>(std::stoul(pipe.line())));
  CHECK(said == std::multiset<WorkerId>(begun.begin(), begun.end()));
  CHECK(pipe.read_all().empty());
}

TEST_CASE("destroying the client ends the keeper although a forked child holds the socket") {
  Pipe lifeline;
  Pipe release;
  pid_t forked = -1;
  {
    KeeperClient client = start(shell_workers());
    REQUIRE(start_script(client, 1, "(setsid sh -c 'echo up >&9; exec sleep 1000' &); sleep 1000", lifeline)
                .ok());
    CHECK(lifeline.line() == "up");
    forked = ::fork();
    if (forked == 0) {
      lifeline.write_end.reset();
      release.write_end.reset();
      release.line();
      ::_exit(0);
    }
  }
  CHECK(lifeline.read_all().empty());
  release.write_end.reset();
  REQUIRE(::waitpid(forked, nullptr, 0) == forked);
  check_no_child_left();
}

TEST_CASE("a forked child that destroys its copy ends nothing") {
  std::optional<KeeperClient> client = start(shell_workers());
  const pid_t forked = ::fork();
  if (forked == 0) {
    client.reset();
    ::_exit(0);
  }
  REQUIRE(::waitpid(forked, nullptr, 0) == forked);
  check_serves(*client, 1);
}

TEST_CASE("a keeper that does not end in time is killed") {
  Pipe lifeline;
  {
    KeeperClient::Options options = shell_workers();
    options.farewell = std::chrono::milliseconds(1);
    KeeperClient client = start(options);
    REQUIRE(start_script(client, 1, kWait, lifeline).ok());
    CHECK(lifeline.line() == "up");
    stop(client.pid());
  }
  CHECK(lifeline.read_all().empty());  // its worker has died with it
  check_no_child_left();
}

TEST_CASE("a killed keeper takes its workers along and its pidfd tells") {
  KeeperClient client = start(shell_workers());
  Pipe lifeline;
  REQUIRE(start_script(client, 1, kWait, lifeline).ok());
  CHECK(lifeline.line() == "up");
  CHECK(!is_readable(client.pidfd(), 0));
  wait_until_readable(client.fd());  // it has said that the worker is up
  ::kill(client.pid(), SIGKILL);
  wait_until_readable(client.pidfd());
  CHECK(lifeline.read_all().empty());

  next<WorkerStarted>(client, 1);  // what it has said is still there
  CHECK(!client.next_event());
  CHECK(!is_readable(client.fd(), 0));  // nothing will ever come: nobody is woken for it
  CHECK(start_script(client, 2, kWait, lifeline).error().code == EPIPE);

  client = start(shell_workers());
  check_serves(client, 1);
}

TEST_CASE("requests that are kept for a keeper that is killed end without an answer") {
  KeeperClient client = start(shell_workers());
  stop(client.pid());
  const Pipe pipe;
  for (WorkerId id = 1; id <= 100; ++id) REQUIRE(start_script(client, id, kWait, pipe).ok());
  ::kill(client.pid(), SIGKILL);
  wait_until_readable(client.pidfd());
  CHECK(!client.next_event());
  CHECK(!is_readable(client.fd(), 0));
}

TEST_CASE("a client that was moved from ends nothing") {
  KeeperClient first = start(shell_workers());
  std::optional<KeeperClient> second(std::move(first));
  check_serves(*second, 1);
  second.reset();
  check_no_child_left();
}

TEST_CASE(
    "the keeper has a session of its own and no input, its workers the mask and dispositions that are asked "
    "for") {
  KeeperClient::Options options = shell_workers();
  options.worker_program = "/bin/cat";
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  options.mask = set;
  ::sigaddset(&set, SIGHUP);
  options.ignored = set;
  // This process has an input that is worth something.
  const Pipe input;
  const UniqueFd old_input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(input.read_end.get(), STDIN_FILENO);
  KeeperClient client = start(options);
  ::dup2(old_input.get(), STDIN_FILENO);
  CHECK(::getsid(client.pid()) == client.pid());
  CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(client.pid()) + "/fd/0") == "/dev/null");

  Pipe out;
  const LaunchOptions::Pass pass[] = {{out.write_end.get(), STDOUT_FILENO}};
  const std::string args[] = {"cat", "/proc/self/status"};
  REQUIRE(client.start_worker(1, pass, args).ok());
  const std::string status = out.read_all();
  CHECK(status.find("SigBlk:\t0000000000000200\n") != std::string::npos);  // SIGUSR1 is 10
  CHECK(status.find("SigIgn:\t0000000000000201\n") != std::string::npos);  // SIGHUP is 1
}
