// Built against an installed drover: a call, a crash, a function that is built in, a command.
#include <drover/drover.hpp>

#include <csignal>
#include <iostream>

int twice(int number) {
  if (number == 13) std::raise(SIGKILL);
  return 2 * number;
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  drover::Coordinator coordinator({.workers = 1});
  std::cout << coordinator.submit<&twice>(21).get() << std::endl;
  try {
    coordinator.submit<&twice>(13).get();
  } catch (const drover::WorkerDied& died) {
    std::cout << "signal " << died.account().signal << std::endl;
  }
  const auto report = coordinator.run(drover::JobFile::parse(R"(
    [[task]]
    name = "primes"
    function = "count_primes"
    args = [1, 100]

    [[task]]
    after = "primes"
    command = "echo a command"
  )"));
  return report.succeeded() ? 0 : 1;
}
