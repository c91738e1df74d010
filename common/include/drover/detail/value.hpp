// An argument as job files write it. Not for users.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace drover::detail {

using JobValue = std::variant<bool, std::int64_t, double, std::string>;

}  // namespace drover::detail
