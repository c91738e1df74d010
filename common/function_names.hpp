// Both sides of a lane number functions by their place in the sorted list of names; this hash tells that the
// lists agree.
#pragma once

#include <cstdint>
#include <string_view>

namespace drover {

// FNV-1a, 64 bits: feed every name in order, starting from kNoNames.
inline constexpr std::uint64_t kNoNames = 0xcbf29ce484222325;
[[nodiscard]] constexpr std::uint64_t hash_name(std::uint64_t hash, std::string_view name) {
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash * 0x100000001b3;  // a separator: {"ab"} and {"a", "b"} differ
}

}  // namespace drover
