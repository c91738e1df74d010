// Drover's own half of the benchmark. Each function is one sample: it runs in a fresh child process without
// other threads, must end within Suite::Options::deadline, and throws any std::exception when it cannot
// measure. It times the work itself: what is made before the first task and torn down after the last does not
// count, except where the name says that a whole process is measured.
#pragma once

#include <string>

#include "tests/bench/peers.hpp"
#include "tests/bench/stats.hpp"

namespace drover::bench {

// ours_commands.cpp: the command as a whole process.
// The path of `drover`: in the folder $DROVER_BIN, else beside this program; empty when it is not there.
[[nodiscard]] std::string drover_path();
// n times /bin/true from a list on standard input, start and end of drover included. shell: each through
// /bin/sh.
[[nodiscard]] double drover_commands_per_second(unsigned workers, unsigned n, bool shell);
// A list of one /bin/true: the median of 20 whole runs.
[[nodiscard]] double drover_one_true_seconds();
[[nodiscard]] Side drover_stream(Probe probe);

// ours_engine.cpp: functions that do nothing, through the engine in this process.
// Tasks a second; `chunk` tasks are submitted as one (1: one by one).
[[nodiscard]] double drover_noop_per_second(unsigned workers, unsigned chunk);
// One worker, one task at a time. A CPU of -1 leaves that process where the kernel puts it. spin: both sides
// poll.
[[nodiscard]] LatencySample drover_round_trip(int coordinator_cpu, int worker_cpu, bool spin);

// ours_library.cpp: the library, with this program as its own worker.
// A number there and a number back, n times: all submitted, then all got.
[[nodiscard]] double library_submit_get_per_second(unsigned workers, unsigned n);
[[nodiscard]] double library_map_per_second(unsigned workers, unsigned n);
// From submit to get, medians in microseconds: of nothing; of the two ends of 1 GiB that was made just
// before.
[[nodiscard]] double library_empty_trip_us();
[[nodiscard]] double library_new_gigabyte_trip_us();
// Every task kills its worker.
[[nodiscard]] double library_crashes_per_second(unsigned workers, unsigned n);

}  // namespace drover::bench
