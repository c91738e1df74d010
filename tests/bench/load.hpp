// How busy the rest of the machine was: numbers taken beside somebody else's work say little, and a table
// must show it.
#pragma once

#include <cstdint>

namespace drover::bench {

// CPU time up to a moment, in seconds.
struct LoadMark {
  std::uint64_t at_ns = 0;
  double machine = 0;  // all processes, and what a hypervisor took
  double own = 0;      // this process and all its descendants that were reaped
};

[[nodiscard]] LoadMark mark_load();

// CPUs that others kept busy on average between two marks. Never negative; the kernel counts in ticks, so
// differences of a few hundredths say nothing for less than a second.
[[nodiscard]] double foreign_cpus(const LoadMark& from, const LoadMark& to);

}  // namespace drover::bench
