// What a process of drover's is started to be. `args` are the words after the one that says which.
#pragma once

#include <span>
#include <string_view>

#include "worker/registry.hpp"

namespace drover {

using Words = std::span<const std::string_view>;

// All return the status to leave main with; those that are not to run have said why on stderr.

//   WORKER_PROGRAM         descriptors as in common/keeper_protocol.hpp
int be_keeper(Words args);
//   command|function [--seed N] [--memory-limit BYTES] [--plugin FILE.so]...    descriptors: worker/loop.hpp
int be_worker(Words args, KnownFunctions known);
//   [--plugin FILE.so]...  lists the functions that job files can name
int list_functions(Words args);

}  // namespace drover
