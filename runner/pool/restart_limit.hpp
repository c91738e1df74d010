// When to start a worker again after one has died without having done anything: a supervisor's rule. Such
// deaths say that something is wrong with the worker itself; a death with a task in hand is that task's and
// does not count here. Where outcomes come in between, workers do run, and what killed them is no reason to
// give up. Pure.
#pragma once

#include <algorithm>
#include <deque>

#include "common/clock.hpp"

namespace drover {

struct RestartPolicy {
  unsigned intensity = 5;  // more deaths than this within `period`, without an outcome: the run is given up
  Duration period = std::chrono::seconds(10);
  Duration first_delay = std::chrono::milliseconds(50);  // before the next start; doubles with each death
  Duration most_delay = std::chrono::seconds(2);
};

class RestartLimit {
 public:
  explicit RestartLimit(RestartPolicy policy = {}) : policy_(policy) {}

  // A worker died before its handshake or with nothing in hand. False: too many, give up.
  [[nodiscard]] bool on_death(Instant now) {
    while (!deaths_.empty() && deaths_.front() + policy_.period < now) deaths_.pop_front();
    deaths_.push_back(now);
    Duration delay = policy_.first_delay;
    for (std::size_t i = 1; i < deaths_.size() && delay < policy_.most_delay; ++i) delay *= 2;
    next_start_ = now + std::min(delay, policy_.most_delay);
    return deaths_.size() <= policy_.intensity;
  }
  // An outcome came from a worker of this sort.
  void on_progress() {
    if (deaths_.empty()) return;
    deaths_.clear();
    next_start_ = {};
  }
  // Before this no worker is started; in the past: at once.
  [[nodiscard]] Instant next_start() const { return next_start_; }

 private:
  RestartPolicy policy_;
  std::deque<Instant> deaths_;
  Instant next_start_{};
};

}  // namespace drover
