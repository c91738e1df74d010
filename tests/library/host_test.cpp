// What a program notices of drover that embeds it, and what becomes of drover when that program is killed.
#include <doctest/doctest.h>
#include <signal.h>

#include <memory>
#include <set>
#include <thread>

#include <drover/drover.hpp>

#include "tests/e2e/test_space.hpp"
#include "tests/library/own_process.hpp"

using namespace std::chrono_literals;

namespace drover::test {
namespace {

// Of tests/library_programs.
Program start_program(const TestSpace& space, const std::string& name, const std::vector<std::string>& args) {
  const char* const folder = std::getenv("DROVER_CHILDREN");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_CHILDREN names no folder with the programs to test");
  return space.start_program(std::string(folder) + "/library-" + name, args);
}

void check_content(const Ran& ran) {
  CHECK_MESSAGE(ran.exit_code == 0, ran.err);
  CHECK(ran.signal == 0);
}

int twice(int number) {
  return 2 * number;
}
bool live_on(const Coordinator& coordinator, const std::vector<int>& workers) {
  const auto now = coordinator.worker_pids();
  return std::all_of(workers.begin(), workers.end(),
                     [&](int pid) { return std::count(now.begin(), now.end(), pid) == 1; });
}
int parent() {
  return ::getppid();
}

}  // namespace

TEST_CASE("a killed host leaves no process behind, whatever session it is in") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  Program program = start_program(space, "fugitives", {space.path("up")});
  up.read_lines(6);
  CHECK(processes_with_mark(space.mark()).size() == 8);  // host, keeper, 2 workers, 4 that they started
  program.signal(SIGKILL);
  const Duration took = wait_until_gone(space.mark(), 5s);
  MESSAGE("all gone after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
  CHECK(program.finish().signal == SIGKILL);
  space.check_nothing_left();
}

TEST_CASE("a fork of a killed host that lives on keeps nothing else alive") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  Program program = start_program(space, "fugitives", {space.path("up"), "fork"});
  pid_t fork = 0;
  for (int lines = 0; lines < 7; ++lines)
    if (const std::string line = up.read_line(); line != "up") fork = std::stoi(line);
  REQUIRE(fork != 0);
  program.signal(SIGKILL);
  // Before the host is reaped, its fork and itself are all that is left.
  for (const pid_t pid : processes_with_mark(space.mark())) {
    if (pid == fork) continue;
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) continue;
    pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    CHECK_MESSAGE(::poll(&ended, 1, 5000) == 1, "lives on: " << describe_processes({pid}));
  }
  CHECK(processes_with_mark(space.mark()) == std::vector<pid_t>{fork});
  ::kill(fork, SIGKILL);
  CHECK(program.finish().signal == SIGKILL);
  (void)wait_until_gone(space.mark(), 5s);
}

TEST_CASE("a host's handlers, mask, ignored signals, folder and descriptors stay as they are, and its own") {
  for (const std::string closed : {"", "0", "1", "01", "12", "012"}) {
    CAPTURE(closed);
    const TestSpace space;
    check_content(space.finish(start_program(space, "surroundings", {space.path("."), closed})));
  }
}

TEST_CASE("a host that reaps all its children gets keepers and no worker, and does no harm by it") {
  const TestSpace space;
  check_content(space.finish(start_program(space, "reaper", {})));
}

TEST_CASE("children that a host forks may have Coordinators of their own") {
  const TestSpace space;
  check_content(space.finish(start_program(space, "forks", {})));
}

TEST_CASE("a program that makes a Coordinator before it calls worker_main is told so, and starts nothing") {
  const TestSpace space;
  const Ran ran = space.finish(start_program(space, "early", {}));
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.starts_with("it failed: drover: this program is its own worker, so its main must call"));
}

TEST_CASE(
    "a worker that makes a Coordinator before it calls worker_main ends with a sentence, and is no fork "
    "bomb") {
  const TestSpace space;
  const Ran ran = space.finish(start_program(space, "early", {"in-host"}));
  CHECK(ran.exit_code == 1);
  CHECK(ran.err == Has("drover: this process was started as a worker, but makes a Coordinator before it has "
                       "called drover::worker_main(argc, argv); call that first in main\n"));
  CHECK(ran.err == Has("it failed: drover: "));
  CHECK(split_lines(ran.err).size() <= 10);
}

TEST_CASE("the thread that made a Coordinator may end") {
  std::unique_ptr<Coordinator> coordinator;
  std::thread([&] { coordinator = std::make_unique<Coordinator>(Options{.workers = 2}); }).join();
  CHECK(coordinator->submit<&twice>(4).get() == 8);
  const auto workers = coordinator->worker_pids();
  std::thread([&] { CHECK(coordinator->submit<&twice>(5).get() == 10); }).join();
  CHECK(live_on(*coordinator, workers));
}

TEST_CASE(
    "of two Coordinators one works on while the other is shut down, and both have workers of their own") {
  const OwnProcess before;
  {
    Coordinator stays({.workers = 2});
    std::set<pid_t> keepers{stays.submit<&parent>().get()};
    const auto workers = stays.worker_pids();
    for (int i = 0; i < 5; ++i) {
      Coordinator goes({.workers = 2});
      std::vector<TaskHandle<int>> running;
      for (int each = 0; each < 200; ++each) running.push_back(stays.submit<&twice>(each));
      keepers.insert(goes.submit<&parent>().get());
      goes.shutdown(i % 2 == 0 ? Pending::Finish : Pending::Cancel);
      for (int each = 0; each < 200; ++each) CHECK(running[static_cast<std::size_t>(each)].get() == 2 * each);
    }
    CHECK(keepers.size() == 6);
    CHECK(live_on(stays, workers));
  }
  CHECK(OwnProcess() == before);
}

}  // namespace drover::test
