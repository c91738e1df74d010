// What goes over a worker's socket: rare things, and whatever needs a descriptor. Every message names its
// attempt, but those about shared memory, which outlives attempts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

enum class LaneMessageType : std::uint32_t {
  // coordinator to worker
  Args = 1,    // + a sealed blob: the arguments of this attempt
  Stop = 2,    // end the attempt: SIGTERM, after grace SIGKILL; grace 0: SIGKILL at once
  GoLive = 3,  // live output, please
  // + the memory's descriptor: arguments of later tasks refer to it by its id, which is `task`. It holds
  // `grace_ns` bytes, and may be written if `attempt` is 1.
  Share = 4,
  Unshare = 5,  // nothing will refer to the memory `task` any more: unmap it
  // worker to coordinator; sent before the outcome that they belong to is published
  Result = 16,  // + a sealed blob: the result of this attempt
  Spools = 17,  // + the files of stdout and stderr, as many as the outcome's flags say, stdout first
  Live = 18,    // + two files: stdout and stderr as they grow; sizes are on the board
};

struct LaneMessage {
  LaneMessageType type{};
  Attempt attempt = 0;
  TaskId task = 0;
  std::uint64_t grace_ns = 0;
};

inline constexpr std::size_t kMostDescriptors = 2;

struct ReceivedMessage {
  LaneMessage message;
  std::vector<UniqueFd> fds;
};

enum class Wait { No, Yes };

// EAGAIN (with Wait::No) and EPIPE, ECONNRESET (the other side is gone) are the errors to act on.
Status send_message(int socket, const LaneMessage& message, const int* fds, std::size_t fd_count, Wait wait);
// nullopt: nothing there (Wait::No). ECONNRESET: the other side is gone. A message of a wrong size or with
// descriptors left out is EPROTO; its descriptors are closed.
Result<std::optional<ReceivedMessage>> receive_message(int socket, Wait wait);

}  // namespace drover
