// The command worker: one command at a time.
#pragma once

#include "worker/loop.hpp"

namespace drover {

// Runs command tasks until the process is ended from outside.
[[noreturn]] void run_command_worker(WorkerDesk& desk);

}  // namespace drover
