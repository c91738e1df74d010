// Offers a program a million lines on its standard input through a pipe, watches its output, and stops it
// when enough tasks have been seen: what a stream costs before the first task, and what it keeps in memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/peers.hpp"

namespace drover::bench {

// `input` is the line offered again and again, newline included; each task prints one line. Throws
// CannotMeasure.
[[nodiscard]] Sample probe_stream(const std::vector<std::string>& argv, const std::string& input,
                                  Probe probe);

}  // namespace drover::bench
