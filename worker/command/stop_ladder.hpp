// How a command is made to stop: SIGTERM and SIGCONT to its process group, SIGKILL after the grace, and when
// that has not helped for kGiveUpAfter, giving up. Knows nothing of why processes end.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "common/clock.hpp"

namespace drover {

// How long a process may stay after its SIGKILL before we go on without it.
inline constexpr Duration kGiveUpAfter = std::chrono::seconds(5);

enum class StopReason { None, Timeout, Request };

class StopLadder {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  // The leader must not have been reaped whenever one of the others is called.
  StopLadder(pid_t leader, std::uint64_t timeout_at, Duration grace)
      : leader_(leader), grace_(grace), next_at_(timeout_at) {}

  // The first reason is the one that counts; of two graces, what ends sooner.
  void terminate(StopReason reason, Duration grace, std::uint64_t now);
  void kill(StopReason reason, std::uint64_t now);
  // Does what is due.
  void on_time(std::uint64_t now);

  // When on_time() is due next; kNever: not at all.
  [[nodiscard]] std::uint64_t next_at() const { return next_at_; }
  [[nodiscard]] StopReason reason() const { return reason_; }
  [[nodiscard]] bool has_killed() const { return step_ >= Step::Killed; }
  [[nodiscard]] bool has_given_up() const { return step_ == Step::GivenUp; }

 private:
  enum class Step { Running, Terminated, Killed, GivenUp };

  pid_t leader_;
  Duration grace_;
  std::uint64_t next_at_;
  StopReason reason_ = StopReason::None;
  Step step_ = Step::Running;
};

}  // namespace drover
