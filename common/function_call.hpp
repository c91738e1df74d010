// The arguments of a typed function's task: one byte of the flags below, what they announce, then the encoded
// arguments (drover/codec.hpp). Its result is encoded alone.
#pragma once

#include <cstdint>

namespace drover {

inline constexpr std::uint8_t kTaskNameFollows = 1;  // as Encoder writes a std::string
inline constexpr std::uint8_t kCallFlags = 1;        // all that are known

}  // namespace drover
