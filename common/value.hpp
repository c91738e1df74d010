// A value as job files write it and function tasks receive it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <drover/detail/value.hpp>

namespace drover {

using Value = detail::JobValue;

// The wire form of a function task's arguments.
[[nodiscard]] std::string encode_values(const std::vector<Value>& values);
// False when the bytes are no such list; `values` is then unspecified.
[[nodiscard]] bool decode_values(std::string_view bytes, std::vector<Value>& values);

}  // namespace drover
