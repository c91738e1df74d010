// One message over a SOCK_SEQPACKET socket, with descriptors. Knows nothing of what is in it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

inline constexpr std::size_t kMaxPacketFds = 16;

// Never blocks, raises no SIGPIPE. Errors to act on: EAGAIN (the socket is full), EPIPE and ECONNRESET (the
// other side is gone), ETOOMANYREFS (this user has too many descriptors under way).
Status send_packet(int socket, std::span<const std::byte> bytes, std::span<const int> fds);

struct Packet {
  enum class Kind { Message, Nothing, Closed } kind = Kind::Nothing;
  std::size_t size = 0;       // bytes that were written to the buffer
  bool cut = false;           // it was longer than the buffer
  bool fds_lost = false;      // it came with more than kMaxPacketFds, or with more than this process may open
  std::vector<UniqueFd> fds;  // close-on-exec
};

// Never blocks: Nothing when none waits. Closed: the other side is gone and all that it sent was read.
Result<Packet> receive_packet(int socket, std::span<std::byte> buffer);

}  // namespace drover
