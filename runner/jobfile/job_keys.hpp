// The words of the job file's language: which keys belong where, and what to say of one that does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

enum class KeyPlace : std::uint8_t { Top, Defaults, Task };

// What is wrong with a key in this place, and what to do; nothing when it belongs there.
[[nodiscard]] std::optional<std::string> key_mistake(KeyPlace place, std::string_view key);

}  // namespace drover
