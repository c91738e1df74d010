// What a command printed on one of its two streams.
#pragma once

#include <cstdint>
#include <string>

#include "common/unique_fd.hpp"

namespace drover {

// How much of a stream is kept in memory before it goes to an unlinked file.
inline constexpr std::size_t kCapturedInMemory = 64 * 1024;

// Either everything is in `head` and spool is empty, or everything is in spool's bytes [0, size) and head is
// empty.
struct CapturedStream {
  std::string head;
  UniqueFd spool;
  std::uint64_t size = 0;
};

}  // namespace drover
