// Everything that drover is measured next to. Each is a Side: a name with a sampler, or the reason why this
// machine cannot measure it. Samples are sized to 0.1 to 0.5 s on an ordinary machine.
#pragma once

#include <string>

#include "tests/bench/bench.hpp"
#include "tests/bench/program.hpp"

namespace drover::bench {

// The versions of the peers, in one line.
[[nodiscard]] std::string peers_text();

// Functions, in tasks a second: 2 threads, or 2 processes for message_queue, and one that submits.
[[nodiscard]] Side asio_thread_pool();
[[nodiscard]] Side tbb_task_group();
[[nodiscard]] Side message_queue_with_results();  // like drover: each result travels back
[[nodiscard]] Side message_queue_one_way();       // results are lost, no task is accounted for

// The same with a value handed back for each task.
[[nodiscard]] Side asio_packaged_tasks();
[[nodiscard]] Side python_process_pool(const WorkFolder& folder);
[[nodiscard]] Side joblib_parallel(const WorkFolder& folder);

// Round trips, in microseconds: median, and 99th percentile as the tail. A CPU of -1 leaves a side where the
// kernel puts it.
[[nodiscard]] Side eventfd_round_trip(int here, int there);
[[nodiscard]] Side pipe_round_trip(int here, int there);
[[nodiscard]] Side message_queue_round_trip(int here, int there);
[[nodiscard]] Side asio_round_trip();
[[nodiscard]] Side spinning_round_trip(int here,
                                       int there);  // one cache line, no system call: the hardware's limit

// Commands a second, 2 at a time. The bare loop is 2 processes that do nothing but vfork, exec and wait: the
// limit.
enum class Capture { No, Yes };
enum class Through { Exec, Shell };
[[nodiscard]] Side bare_loop(Through through, Capture capture);
[[nodiscard]] Side xargs_commands(const WorkFolder& folder);
[[nodiscard]] Side xargs_shell_commands(const WorkFolder& folder);
[[nodiscard]] Side gnu_parallel_commands(const WorkFolder& folder);
[[nodiscard]] Side make_commands(const WorkFolder& folder, Through through);
[[nodiscard]] Side ninja_commands(const WorkFolder& folder);  // always through a shell

// Wall time of a whole run of one command, in milliseconds.
[[nodiscard]] Side xargs_one_true(const WorkFolder& folder);

// A million lines offered on standard input.
enum class Probe {
  FirstOutput,
  PeakMemory
};  // ms from the start to the first task's output; MiB after 2,000 tasks
[[nodiscard]] Side xargs_stream(Probe probe);

}  // namespace drover::bench
