// The numbers by which things are known. TaskId is the task's SEQ: from 1, in the order in which tasks were
// read.
#pragma once

#include <cstdint>

namespace drover {

using TaskId = std::uint64_t;
using Attempt = std::uint32_t;     // from 1
using WorkerId = std::uint32_t;    // from 1, never used again within a run
using SlotNumber = std::uint32_t;  // from 1: the task's {%} and DROVER_SLOT

}  // namespace drover
