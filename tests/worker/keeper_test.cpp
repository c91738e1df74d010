// The keeper starts workers, reports how they ended, and buries what they left.
#include <sys/ptrace.h>

#include <array>
#include <map>
#include <set>

#include "tests/worker/keeper_fixture.hpp"

using namespace drover;
using namespace drover::test;

TEST_CASE("an exit code, a signal and the time used are reported") {
  TestKeeper keeper;
  const Pipe lifeline;
  keeper.started(1, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 3", lifeline);
  const Event exited = keeper.exit_of(1);
  CHECK(WIFEXITED(exited.exited.status));
  CHECK(WEXITSTATUS(exited.exited.status) == 3);
  CHECK(exited.exited.usage.user_ns > 0);
  CHECK(exited.exited.usage.max_rss_kib > 0);
  CHECK(exited.exited.unkillable == 0);

  keeper.started(2, "kill -SEGV $$", lifeline);
  const Event signaled = keeper.exit_of(2);
  CHECK(WIFSIGNALED(signaled.exited.status));
  CHECK(WTERMSIG(signaled.exited.status) == SIGSEGV);
}

TEST_CASE("a worker that ends at once is reported started first, then exited") {
  TestKeeper keeper;
  const Pipe lifeline;
  for (WorkerId id = 1; id <= 20; ++id) {
    const Event started = keeper.started(id, "exit 0", lifeline);
    wait_until_readable(started.pidfd.get());
    CHECK(keeper.exit_of(id).exited.status == 0);
  }
}

TEST_CASE("a worker gets its arguments and descriptors") {
  TestKeeper keeper;
  Pipe first;
  Pipe second;
  StartWorkerMessage request =
      request_for(1, {"name", "-c", "echo \"$0 $1 $2\" >&8; echo second >&9", "a b", "", "c"});
  request.fd_count = 2;
  request.targets[0] = 8;
  request.targets[1] = 9;
  const int fds[] = {first.write_end.get(), second.write_end.get()};
  REQUIRE(keeper.try_send(request, fds));
  CHECK(first.line() == "a b  c");
  CHECK(second.line() == "second");
  keeper.next(KeeperMessage::Started, 1);
  CHECK(keeper.exit_of(1).exited.status == 0);
}

TEST_CASE("a program that is not there is reported, and the keeper goes on") {
  TestKeeper keeper({.program = "/no/such/program"});
  const Pipe lifeline;
  for (WorkerId id = 1; id <= 3; ++id) {
    keeper.start(id, "", lifeline);
    const Event failed = keeper.next(KeeperMessage::StartFailed, id);
    CHECK(failed.failed.code == ENOENT);
    CHECK(read_text(failed.failed.text) == "exec /no/such/program: No such file or directory");
  }
}

TEST_CASE("a malformed request is refused and its descriptors are closed") {
  TestKeeper keeper;
  const StartWorkerMessage good = [] {
    StartWorkerMessage request = request_for(7, {"sh", "-c", "exit 0"});
    request.fd_count = 1;
    request.targets[0] = 9;
    return request;
  }();
  struct Case {
    const char* what;
    WorkerId named;
    std::function<void(StartWorkerMessage&)> damage;
  };
  const Case cases[] = {
      {"magic", 0, [](auto& request) { request.header.magic = 1; }},
      {"version", 0, [](auto& request) { request.header.version = 99; }},
      {"type", 0, [](auto& request) { request.header.type = KeeperMessage::Exited; }},
      {"number 0", 0, [](auto& request) { request.id = 0; }},
      {"fewer descriptors", 7, [](auto& request) { request.fd_count = 0; }},
      {"more descriptors", 7, [](auto& request) { request.fd_count = 2; }},
      {"many more descriptors", 7, [](auto& request) { request.fd_count = 0xffffffff; }},
      {"a negative target", 7, [](auto& request) { request.targets[0] = -5; }},
      {"a target out of range", 7, [](auto& request) { request.targets[0] = 0x7fffffff; }},
      {"no arguments", 7, [](auto& request) { request.arg_count = request.arg_bytes = 0; }},
      {"an argument less", 7, [](auto& request) { --request.arg_count; }},
      {"more bytes than there are", 7, [](auto& request) { request.arg_bytes = 0xffffffff; }},
      {"an argument without its end", 7, [](auto& request) { --request.arg_bytes; }},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Pipe pipe;
    StartWorkerMessage request = good;
    each.damage(request);
    const int fd = pipe.write_end.get();
    REQUIRE(keeper.try_send(request, {&fd, 1}));
    const Event failed = keeper.next(KeeperMessage::StartFailed, each.named);
    CHECK(failed.failed.code != 0);
    CHECK(!read_text(failed.failed.text).empty());
    pipe.wait_until_ended();
  }
  Pipe pipe;
  const int fd = pipe.write_end.get();
  SUBCASE("too short") {
    REQUIRE(send_packet(keeper.socket(), bytes_of(good).first(100), {&fd, 1}).ok());
    CHECK(keeper.next(KeeperMessage::StartFailed, 0).failed.code == EPROTO);
  }
  SUBCASE("too long") {
    std::vector<std::byte> bytes(sizeof good + 8);
    std::memcpy(bytes.data(), &good, sizeof good);
    REQUIRE(send_packet(keeper.socket(), bytes, {&fd, 1}).ok());
    CHECK(keeper.next(KeeperMessage::StartFailed, 0).failed.code == EPROTO);
  }
  SUBCASE("more descriptors than fit") {
    StartWorkerMessage copy = good;
    iovec part{&copy, sizeof copy};
    std::array<int, kMaxPacketFds + 1> fds;
    fds.fill(fd);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
    REQUIRE(::sendmsg(keeper.socket(), &message, 0) > 0);
    CHECK(keeper.next(KeeperMessage::StartFailed, 7).failed.code == EMFILE);
  }
  pipe.wait_until_ended();
  keeper.check_serves(7);
}

TEST_CASE("an id in use is refused") {
  TestKeeper keeper;
  const Pipe lifeline;
  const Event first = keeper.started(1, kWait, lifeline);
  keeper.start(1, kWait, lifeline);
  CHECK(keeper.next(KeeperMessage::StartFailed, 1).failed.code == EEXIST);
  ::kill(first.started.pid, SIGKILL);
  keeper.exit_of(1);
}

TEST_CASE("what a killed worker left behind is gone before its exit is reported") {
  TestKeeper keeper;
  for (WorkerId id = 1; id <= 10; ++id) {
    Pipe lifeline;
    // A daemon, a child, and a child of a child.
    const Event worker = keeper.started(
        id, kDaemon + "sleep 1000 & sh -c 'sleep 1000 & echo child >&9; wait' & " + kWait, lifeline);
    std::set<std::string> said{lifeline.line(), lifeline.line()};
    REQUIRE(said == std::set<std::string>{"daemon", "child"});
    ::kill(worker.started.pid, SIGKILL);
    const Event exited = keeper.exit_of(id);
    CHECK(lifeline.has_ended());
    CHECK(WTERMSIG(exited.exited.status) == SIGKILL);
    CHECK(exited.exited.unkillable == 0);
  }
}

TEST_CASE("what a worker leaves behind that exits by itself is buried, too") {
  TestKeeper keeper;
  Pipe lifeline;
  keeper.started(1, "setsid sleep 1000 & exit 4", lifeline);
  CHECK(WEXITSTATUS(keeper.exit_of(1).exited.status) == 4);
  CHECK(lifeline.has_ended());
}

TEST_CASE("a daemon that changes its pid all the time is buried") {
  TestKeeper keeper;
  for (WorkerId id = 1; id <= 5; ++id) {
    Pipe lifeline;
    const Event worker = keeper.started(id, kHopper + kWait, lifeline);
    REQUIRE(lifeline.line() == "hopper");
    ::kill(worker.started.pid, SIGKILL);
    const Event exited = keeper.exit_of(id);
    CHECK(lifeline.has_ended());
    CHECK(exited.exited.unkillable == 0);
  }
}

TEST_CASE("burying one worker leaves the others and their children alone") {
  TestKeeper keeper;
  Pipe dying_lifeline;
  Pipe living_lifeline;
  const Event dying = keeper.started(1, kDaemon + kWait, dying_lifeline);
  const Event living = keeper.started(2, kDaemon + kWait, living_lifeline);
  Pipe daemon_lifeline;  // of worker 3, which itself ends by itself when it is told to
  Pipe release;
  StartWorkerMessage request = request_for(3, {"sh", "-c", kDaemon + "exec 9>&-; read line <&8; exit 5"});
  request.fd_count = 2;
  request.targets[0] = 9;
  request.targets[1] = 8;
  const int fds[] = {daemon_lifeline.write_end.get(), release.read_end.get()};
  REQUIRE(keeper.try_send(request, fds));
  keeper.next(KeeperMessage::Started, 3);
  REQUIRE(dying_lifeline.line() == "daemon");
  REQUIRE(living_lifeline.line() == "daemon");
  REQUIRE(daemon_lifeline.line() == "daemon");

  ::kill(dying.started.pid, SIGKILL);
  keeper.exit_of(1);
  CHECK(dying_lifeline.has_ended());
  CHECK(!living_lifeline.has_ended());
  CHECK(!daemon_lifeline.has_ended());  // only the daemon holds it: it lives
  REQUIRE(::write(release.write_end.get(), "\n", 1) == 1);
  CHECK(WEXITSTATUS(keeper.exit_of(3).exited.status) == 5);
  CHECK(daemon_lifeline.has_ended());
  ::kill(living.started.pid, SIGKILL);
  keeper.exit_of(2);
  CHECK(living_lifeline.has_ended());
}

TEST_CASE("what cannot be killed is given up, counted and named, and nobody waits for it") {
  TestKeeper keeper({.give_up_after = std::chrono::seconds(1)});
  Pipe lifeline;
  const Event worker = keeper.started(1, "sleep 1000 & echo $! >&9; wait", lifeline);
  const pid_t held = std::stoi(lifeline.line());
  // A traced process that was killed stays for its parent until the tracer has looked: it stands for one in D
  // state.
  REQUIRE(::ptrace(PTRACE_SEIZE, held, nullptr, nullptr) == 0);
  ::kill(worker.started.pid, SIGKILL);
  wait_until_readable(worker.pidfd.get());
  const Event second = keeper.started(2, kWait, lifeline);  // while the burial is under way

  const Event exited = keeper.exit_of(1);
  CHECK(exited.exited.unkillable == 1);
  CHECK(read_text(exited.exited.unkillable_names).starts_with(std::to_string(held) + " ("));
  CHECK(WTERMSIG(exited.exited.status) == SIGKILL);

  // Told once: the next burial neither waits for it nor counts it.
  ::kill(second.started.pid, SIGKILL);
  CHECK(keeper.exit_of(2).exited.unkillable == 0);
  // The keeper's farewell names it and fails.
  keeper.hang_up();
  CHECK(WEXITSTATUS(keeper.wait()) == 1);
  ::waitpid(held, nullptr, 0);
}

TEST_CASE("200 workers start and die, and no descriptor is left") {
  TestKeeper keeper;
  keeper.check_serves(1000);
  const auto before = descriptors_of(keeper.pid());
  Pipe lifeline;
  std::map<WorkerId, Event> workers;
  for (WorkerId id = 1; id <= 200; ++id) workers[id] = keeper.started(id, kWait, lifeline);
  for (const auto& [id, worker] : workers)
    ::syscall(SYS_pidfd_send_signal, worker.pidfd.get(), SIGKILL, nullptr, 0);
  for (int i = 0; i < 200; ++i) {
    const Event exited = keeper.next();
    REQUIRE(exited.type == KeeperMessage::Exited);
    CHECK(workers.erase(exited.id) == 1);
  }
  CHECK(lifeline.has_ended());
  keeper.check_serves(1001);
  CHECK(descriptors_of(keeper.pid()) == before);
}

TEST_CASE("a stopped worker is no dead worker") {
  TestKeeper keeper;
  const Pipe lifeline;
  const Event worker = keeper.started(1, kWait, lifeline);
  ::kill(worker.started.pid, SIGSTOP);
  keeper.check_serves(2);
  ::kill(worker.started.pid, SIGKILL);
  const Event exited = keeper.exit_of(1);
  REQUIRE(WIFSIGNALED(exited.exited.status));
  CHECK(WTERMSIG(exited.exited.status) == SIGKILL);
}

TEST_CASE("reports wait for a coordinator that does not read") {
  TestKeeper keeper({.send_buffer = 1});  // the kernel's least: a few messages
  const auto before = descriptors_of(keeper.pid());
  constexpr WorkerId kMany = 200;
  WorkerId asked = 0;
  const auto ask = [&] {
    return asked < kMany && keeper.try_send(request_for(asked + 1, {"sh", "-c", "exit 0"}));
  };
  pollfd room{keeper.socket(), POLLOUT, 0};
  do {
    while (ask()) ++asked;
  } while (asked < kMany && ::poll(&room, 1, 200) == 1);
  CHECK(asked < kMany);  // the keeper has stopped to take requests, and goes on doing so
  std::map<WorkerId, std::vector<KeeperMessage>> told;
  for (WorkerId exited = 0; exited < kMany;) {
    const Event event = keeper.next();
    told[event.id].push_back(event.type);
    if (event.type == KeeperMessage::Exited) ++exited;
    while (ask()) ++asked;
  }
  CHECK(told.size() == kMany);
  for (const auto& [id, types] : told)
    CHECK(types == std::vector{KeeperMessage::Started, KeeperMessage::Exited});
  keeper.check_serves(1001);
  CHECK(descriptors_of(keeper.pid()) <= before);
}
