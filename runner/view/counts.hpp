// How many tasks are where.
#pragma once

#include <cstdint>

namespace drover {

struct Counts {
  std::uint64_t total = 0;  // so far, unless total_known
  bool total_known = false;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;  // ended for good, but neither succeeded nor cancelled
  std::uint64_t cancelled = 0;
  std::uint64_t skipped = 0;
  std::uint64_t running = 0;
  std::uint64_t ready = 0;

  [[nodiscard]] std::uint64_t done() const { return succeeded + failed + cancelled + skipped; }
};

}  // namespace drover
