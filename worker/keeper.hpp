// The keeper: the small process between the coordinator and its workers. Starts workers on request, buries
// them with all that they left behind, and ends everything when the coordinator is gone. Knows nothing of
// lanes or tasks.
//
// Single-threaded and the subreaper of all: no process of a run can slip past it but by killing it. It holds
// no descriptor for a worker, so their number is not limited by its own.
#pragma once

#include <string>

#include "common/clock.hpp"
#include "common/keeper_protocol.hpp"

namespace drover {

struct KeeperOptions {
  std::string worker_program;  // see LaunchOptions::program
  int control_fd = kKeeperControlFd;
  int coordinator_pidfd = kKeeperCoordinatorFd;
  Duration give_up_after = std::chrono::seconds(5);  // between SIGKILL and "cannot be killed"
};

// Takes over the whole process: its children, its signals' dispositions and mask (workers get those that it
// found). Returns when the coordinator is gone and everything has ended: 0; or 1: something could not be
// killed, or the keeper could not begin, which it has said on stderr.
[[nodiscard]] int run_keeper(const KeeperOptions& options);

}  // namespace drover
