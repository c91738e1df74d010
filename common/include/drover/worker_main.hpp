// Makes a program the worker of its own tasks: the first line of main.
//
//   int main(int argc, char** argv) {
//     if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
//     drover::Coordinator coordinator;
//     …
//   }
//
// A Coordinator starts this same program again for its workers and for their keeper. Whatever main does
// before this line, and all static initialisers, happens in each of them, too: print nothing there, start no
// thread.
#pragma once

#include <optional>

namespace drover {

// In a process that drover has started: does its work, which as a rule lasts until the process is ended from
// outside; else returns the status to leave main with. nullopt, at once: this process is not one of drover's.
std::optional<int> worker_main(int argc, char** argv);

namespace detail {

// This process was started by drover, as keeper or worker. Any thread.
[[nodiscard]] bool started_as_worker();
// worker_main was called in this process. Any thread.
[[nodiscard]] bool worker_main_called();

}  // namespace detail
}  // namespace drover
