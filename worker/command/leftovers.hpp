// Ends everything that a command has started, and reaps it: its process group first, then, as child
// subreaper, whatever has left that group. Knows nothing of output or outcomes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/clock.hpp"
#include "common/outcome.hpp"

namespace drover {

struct Leftovers {
  std::optional<int> leader_status;  // as wait4 gave it; unset: the leader was given up
  Usage usage;                       // of the leader and of all others that were reaped
  bool leader_was_alone = false;     // it has left no process behind, not even a dead one
  std::uint32_t left_behind = 0;  // were alive after their leader, and not because the stop ladder was slow
  std::uint32_t unkillable = 0;
  std::string unkillable_names;  // "1234 (tar), 1235 (dd)"
};

enum class GroupWas { Running, Killed };  // Killed: the stop ladder has sent SIGKILL before

// Precondition: the leader has ended or was given up, and has not been reaped. Blocks until no child is left
// but those that are still there `give_up_after` later. Those are counted now, and never again by a later
// call.
[[nodiscard]] Leftovers end_leftovers(pid_t leader, GroupWas group, Duration give_up_after);

}  // namespace drover
