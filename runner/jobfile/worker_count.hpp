// The number of workers as -j writes it. Does not find out how many CPUs there are: the caller says.
#pragma once

#include <string_view>

#include "runner/jobfile/parsed.hpp"

namespace drover {

inline constexpr unsigned kMostWorkers = 65'536;

// "8"; "50%", "+2" and "-1" are relative to `cpus` and never give less than 1. Precondition: cpus > 0.
[[nodiscard]] Parsed<unsigned> parse_worker_count(std::string_view text, unsigned cpus);

}  // namespace drover
