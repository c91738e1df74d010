// The function worker: one call at a time, in its own process.
#pragma once

#include "worker/loop.hpp"

namespace drover {

// Runs function tasks until the process is ended from outside. What the functions print (descriptors 1 and 2,
// which must be files opened for appending) is handed in with the attempt that printed it.
[[noreturn]] void run_function_worker(WorkerDesk& desk);

}  // namespace drover
