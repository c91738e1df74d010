// What a number was measured on, and where a sample may run.
#pragma once

#include <string>
#include <vector>

namespace drover::bench {

// The CPUs that this process may use, ascending. Never empty.
[[nodiscard]] std::vector<int> allowed_cpus();

// Binds the calling thread. Throws CannotMeasure when the kernel refuses.
void pin_to(int cpu);

// CPU model, CPUs allowed, kernel, compiler, in one line; a second one warns of a build whose numbers say
// little.
[[nodiscard]] std::string machine_text();

}  // namespace drover::bench
