// The command worker: one command at a time.
#pragma once

#include "worker/loop.hpp"

namespace drover {

// Runs command tasks until the process is ended from outside.
[[noreturn]] void run_command_worker(WorkerDesk& desk);
// One of them, from its beginning to its outcome. The process is a reaper (become_reaper).
void run_command_task(WorkerDesk& desk, const TakenTask& task);

}  // namespace drover
