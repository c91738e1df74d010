// How many processors this process may use.
#pragma once

namespace drover {

// Affinity and the cgroup's quota (v2 and v1), rounded up; at least 1. Not the machine's count.
unsigned usable_cpus();

}  // namespace drover
