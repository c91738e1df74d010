// The function worker: one call at a time, in its own process.
#pragma once

#include <cstdint>

#include "worker/loop.hpp"
#include "worker/registry.hpp"

namespace drover {

struct FunctionWorkerOptions {
  std::uint64_t seed = 0;          // of the coordinator, for Context::seed
  std::uint64_t memory_limit = 0;  // bytes that this process is held to (for what is said of it); 0: none
  KnownFunctions known = KnownFunctions::All;
};

// Runs function tasks until the process is ended from outside. What the functions print (descriptors 1 and 2,
// which must be files opened for appending) is handed in with the attempt that printed it.
[[noreturn]] void run_function_worker(WorkerDesk& desk, const FunctionWorkerOptions& options = {});

}  // namespace drover
