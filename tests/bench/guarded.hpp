// Takes one sample in a child process of its own, under a deadline: a peer that hangs, crashes or changes its
// affinity harms no other sample. Knows nothing of pairs or tables.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

#include "tests/bench/stats.hpp"

namespace drover::bench {

// One measurement. `tail` is the 99th percentile of a latency, 0 for everything else.
struct Sample {
  double value = 0;
  double tail = 0;
};

[[nodiscard]] inline Sample sample_of(const LatencySample& latency) {
  return {latency.p50_us, latency.p99_us};
}

// Runs in a child process that has no other thread. Throws when it cannot measure.
using Sampler = std::function<Sample()>;

// Why there is no number: a program is missing, a call was refused, the deadline passed.
class CannotMeasure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// SIGINT or SIGTERM came; nothing of the sample is left. Thrown only while an InterruptGuard lives.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int number) : std::runtime_error("interrupted"), signal_(number) {}
  [[nodiscard]] int signal() const { return signal_; }

 private:
  int signal_;
};

// While one lives, SIGINT and SIGTERM arrive as Interrupted out of take_guarded(), so that main can clean up.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

// Blocks until the sample is taken. Throws CannotMeasure with the sampler's own words, "died of SIGSEGV" or
// "did not end within 20 s". Afterwards the child and all of its process group are gone. The caller must have
// no other thread.
[[nodiscard]] Sample take_guarded(const Sampler& sampler, std::chrono::milliseconds deadline);

}  // namespace drover::bench
