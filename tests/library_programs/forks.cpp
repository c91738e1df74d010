// A host that forks children which have Coordinators of their own, beside its own and after it.
#include <sys/wait.h>
#include <unistd.h>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library_programs/host.hpp"

namespace {

using drover::test::expect;

int twice(int number) {
  return 2 * number;
}
void works(drover::Coordinator& coordinator) {
  expect(coordinator.submit<&twice>(21).get() == 42, "a task is done");
  auto then = coordinator.submit<&twice>(1).then([](drover::TaskHandle<int> done) { return done.get() + 1; });
  expect(then.get() == 3, "a continuation is called");
}

// A child that uses a Coordinator of its own; `inherited` is its parent's, or none.
void fork_and_work(drover::Coordinator* inherited) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (inherited != nullptr) {
      bool refused = false;
      try {
        (void)inherited->submit<&twice>(1);
      } catch (const drover::ShutDown&) {
        refused = true;
      }
      expect(refused, "the parent's takes nothing of a child");
    }
    drover::Coordinator own({.workers = 2});
    works(own);
    own.shutdown();
    expect(::waitpid(-1, nullptr, 0) < 0, "the child has no children left");
    std::_Exit(0);
  }
  int status = -1;
  expect(::waitpid(child, &status, 0) == child && status == 0, "the child is content");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  fork_and_work(nullptr);
  {
    drover::Coordinator coordinator({.workers = 2});
    works(coordinator);
    fork_and_work(&coordinator);
    works(coordinator);
  }
  fork_and_work(nullptr);
}
