// What the benchmark compares: the whole list, with the target beside each pair.
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/program.hpp"

namespace drover::bench {

// `folder` holds the peers' input and must outlive the suite.
[[nodiscard]] Suite all_pairs(const WorkFolder& folder);

}  // namespace drover::bench
