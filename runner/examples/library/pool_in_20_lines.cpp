#include <drover/drover.hpp>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <ranges>

std::uint64_t collatz_steps(std::uint64_t number) {
  std::uint64_t steps = 0;
  for (; number != 1; ++steps) number = number % 2 == 0 ? number / 2 : 3 * number + 1;
  return steps;
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;  // this program is its own worker

  drover::Coordinator coordinator;  // a process for each CPU
  drover::TaskHandle<std::uint64_t> one = coordinator.submit<&collatz_steps>(27);
  std::cout << "27 takes " << one.get() << " steps\n";

  std::uint64_t most = 0;
  for (std::uint64_t steps : coordinator.map<&collatz_steps>(std::views::iota(1, 100'000)))
    most = std::max(most, steps);
  std::cout << "none below 100000 takes more than " << most << "\n";
}
