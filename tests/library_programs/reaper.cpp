// A host that reaps whatever child of it ends, as daemons do. One of them is drover's keeper; nothing else of
// drover may ever come to it, and nothing may break.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library_programs/host.hpp"

namespace {

using drover::test::expect;

std::array<std::atomic<pid_t>, 64> reaped;
std::atomic<std::size_t> reaped_count{0};

void reap_all(int) {
  for (pid_t pid; (pid = ::waitpid(-1, nullptr, WNOHANG)) > 0;) reaped.at(reaped_count++) = pid;
}

void crash() {
  ::raise(SIGKILL);
}
int parent() {
  return ::getppid();
}
int twice(int number) {
  return 2 * number;
}

void crash_and_go_on(drover::Coordinator& coordinator) {
  std::vector<drover::TaskHandle<void>> crashes;
  for (int i = 0; i < 20; ++i) crashes.push_back(coordinator.submit<&crash>());
  for (auto& each : crashes) each.wait();
  expect(coordinator.submit<&twice>(21).get() == 42, "it goes on after crashes");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  ::signal(SIGCHLD, reap_all);
  std::vector<pid_t> keepers;
  {
    drover::Coordinator coordinator({.workers = 2});
    crash_and_go_on(coordinator);
    keepers.push_back(coordinator.submit<&parent>().get());
    expect(reaped_count == 0, "no worker is a child of the host");
    ::kill(keepers.front(), SIGKILL);
    // Its workers die with it, one maybe after it has run this, another with it in hand.
    pid_t next = keepers.front();
    while (next == keepers.front() || next == 1) next = coordinator.submit<&parent>({.retries = 5}).get();
    keepers.push_back(next);
    crash_and_go_on(coordinator);
  }
  // The end of each is told to who asks first, the handler or drover.
  for (std::size_t i = 0; i < reaped_count; ++i)
    expect(std::count(keepers.begin(), keepers.end(), reaped.at(i)) == 1, "it reaped keepers only");
  expect(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD, "no child is left");
}
