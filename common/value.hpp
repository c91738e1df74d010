// A value as job files write it and function tasks receive it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace drover {

using Value = std::variant<bool, std::int64_t, double, std::string>;

// The wire form of a function task's arguments.
[[nodiscard]] std::string encode_values(const std::vector<Value>& values);
// False when the bytes are no such list; `values` is then unspecified.
[[nodiscard]] bool decode_values(std::string_view bytes, std::vector<Value>& values);

}  // namespace drover
