#include "worker/command/stop_ladder.hpp"

#include <signal.h>

#include <algorithm>

namespace drover {
namespace {

std::uint64_t after(std::uint64_t now, Duration wait) {
  return now + static_cast<std::uint64_t>(std::max(wait, Duration::zero()).count());
}

}  // namespace

void StopLadder::terminate(StopReason reason, Duration grace, std::uint64_t now) {
  if (has_killed()) return;
  const std::uint64_t kill_at = after(now, grace);
  if (step_ == Step::Terminated) {
    next_at_ = std::min(next_at_, kill_at);
    return;
  }
  reason_ = reason;
  step_ = Step::Terminated;
  next_at_ = kill_at;
  // In this order: a stopped process finds SIGTERM waiting when it goes on.
  ::kill(-leader_, SIGTERM);
  ::kill(-leader_, SIGCONT);
}

void StopLadder::kill(StopReason reason, std::uint64_t now) {
  if (has_killed()) return;
  if (reason_ == StopReason::None) reason_ = reason;
  step_ = Step::Killed;
  next_at_ = after(now, kGiveUpAfter);
  ::kill(-leader_, SIGKILL);
}

void StopLadder::on_time(std::uint64_t now) {
  if (now < next_at_) return;
  switch (step_) {
    case Step::Running:
      terminate(StopReason::Timeout, grace_, now);
      break;
    case Step::Terminated:
      kill(reason_, now);
      break;
    case Step::Killed:
      step_ = Step::GivenUp;
      next_at_ = kNever;
      break;
    case Step::GivenUp:
      break;
  }
}

}  // namespace drover
