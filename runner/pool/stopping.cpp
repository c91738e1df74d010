// How attempts end before their time: timeouts, stops, and the last resort, which is to kill the worker.
// Commands are stopped by their worker; functions are asked first if they listen, and ended with their
// process if not.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "runner/pool/engine.hpp"

namespace drover {

// Sets the deadline at which the oldest attempt has to be looked at. A queued task's clock starts when it is
// begun; the look finds out when that was.
void Engine::arm(Seat& seat) {
  if (seat.ending) return;  // has a deadline of its own
  if (seat.given.empty()) {
    seat.deadline.reset();
    return;
  }
  const Given& given = seat.given.front();
  if (given.timeout <= Duration(0)) {
    seat.deadline.reset();
    return;
  }
  const Duration backstop = seat.kind == TaskKind::Command ? given.grace + options_.overdue : Duration(0);
  seat.deadline = now() + given.timeout + backstop;
  deadlines_ = true;
}

void Engine::check_deadlines(Instant at) {
  deadlines_ =
      std::any_of(seats_.begin(), seats_.end(), [](const auto& seat) { return seat->deadline.has_value(); });
  for (std::size_t i = 0; i < seats_.size(); ++i)
    if (Seat& seat = *seats_[i]; seat.deadline && *seat.deadline <= at && !seat.gone())
      check_deadline(seat, at);
}

void Engine::check_deadline(Seat& seat, Instant at) {
  (void)drain(seat);  // what has ended since the last look was in time
  if (seat.gone() || !seat.deadline || *seat.deadline > at) return;
  const auto in_hand = seat.lane.in_hand();
  if (seat.ending) {
    if (in_hand && in_hand->task == seat.ending->task && in_hand->attempt == seat.ending->attempt)
      end_by_force(seat, *in_hand);
    else
      seat.ending.reset();
    return;
  }
  if (seat.given.empty()) {
    seat.deadline.reset();
    return;
  }
  const Given& given = seat.given.front();
  const Duration limit =
      given.timeout + (seat.kind == TaskKind::Command ? given.grace + options_.overdue : Duration(0));
  if (!in_hand) {  // between two tasks, or its worker has not begun
    if (!seat.lane.claim_is_possible() && !seat.lane.outcomes_waiting()) return on_liar(seat);
    seat.seen_hand.reset();
    seat.deadline = at + limit;
    return;
  }
  // It began when the worker says, but not later than it was first seen: a liar gains one period and no more.
  if (!seat.seen_hand || *seat.seen_hand != in_hand->hand) {
    seat.seen_hand = in_hand->hand;
    seat.seen_ns = static_cast<std::uint64_t>(at.time_since_epoch().count());
  }
  const std::uint64_t began = std::min(seat.lane.started_ns(), seat.seen_ns);
  const Instant due = Instant(Duration(static_cast<std::int64_t>(began))) + limit;
  if (due > at) {
    seat.deadline = due;
    return;
  }
  end_attempt(seat, *in_hand, OutcomeKind::TimedOut,
              seat.kind == TaskKind::Command ? Duration(0) : given.grace);
}

// Asks the attempt to end; by force when it still runs after `grace`.
void Engine::end_attempt(Seat& seat, const CoordinatorLane::InHand& in_hand, OutcomeKind kind,
                         Duration grace) {
  const bool again = seat.ending && seat.ending->task == in_hand.task;
  if (!again) seat.ending = Seat::Ending{in_hand.task, in_hand.attempt, kind, {}};
  if (seat.terminated) return;  // SIGKILL follows, when it was to
  // Whoever asks again gives no more time than there was.
  const auto by = [before = again ? seat.deadline : std::nullopt](Instant at) {
    return before ? std::min(*before, at) : at;
  };
  if (seat.kind == TaskKind::Command) {
    const LaneMessage message{.type = LaneMessageType::Stop,
                              .attempt = in_hand.attempt,
                              .task = in_hand.task,
                              .grace_ns = static_cast<std::uint64_t>(grace.count())};
    if (send_message(seat.socket.get(), message, nullptr, 0, Wait::No)) seat.lane.message_sent();
    seat.deadline = by(now() + grace + options_.overdue);
    deadlines_ = true;
    return;
  }
  seat.lane.want_stop(in_hand.hand);
  // Nobody who does not look at stop_requested will hear it.
  if (grace <= Duration(0) || !seat.lane.listens(in_hand.hand)) {
    end_by_force(seat, in_hand);
    return;
  }
  seat.deadline = by(now() + grace);
  deadlines_ = true;
}

// The worker goes, and nothing else: it is condemned first, so that it cannot have begun another task
// meanwhile.
void Engine::end_by_force(Seat& seat, const CoordinatorLane::InHand& in_hand) {
  seat.deadline.reset();
  if (seat.terminated) return kill(seat);
  if (!seat.lane.condemn(in_hand.hand)) {
    seat.ending.reset();
    return;  // it has just ended by itself
  }
  if (seat.lane.outcomes_waiting()) {
    (void)drain(seat);
    if (!seat.gone() && !seat.lane.in_hand()) {
      seat.lane.pardon();
      return;
    }
  }
  if (seat.kind != TaskKind::Function || options_.kill_grace <= Duration(0) || killing_ || seat.gone() ||
      !seat.pidfd)
    return kill(seat);
  ::syscall(SYS_pidfd_send_signal, seat.pidfd.get(), SIGTERM, nullptr, 0);
  seat.terminated = true;
  seat.deadline = now() + options_.kill_grace;
  deadlines_ = true;
}

void Engine::cancel_in_hand(Seat& seat, Duration grace) {
  if (seat.idle() || seat.gone()) return;
  (void)drain(seat);
  if (seat.idle() || seat.gone()) return;
  if (const auto back = seat.lane.recall(UINT32_MAX); !back) {
    on_liar(seat);
    return;
  } else {
    give_back(seat, *back);
  }
  // It may have ended one task and begun the next between drain and recall. Now it can begin no more: after
  // this drain what is outstanding is what it has in hand.
  (void)drain(seat);
  if (seat.idle() || seat.gone()) return;
  if (const auto in_hand = seat.lane.in_hand())
    end_attempt(seat, *in_hand, OutcomeKind::Cancelled, grace);
  else
    on_liar(seat);
}

void Engine::cancel(TaskId task) {
  (void)plan_.cancel(task, actions_);
}

// Single tasks that are to be ended while the run goes on.
void Engine::end_handed_out(const Action& action) {
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = *seats_[i];
    const bool holds = std::any_of(seat.given.begin(), seat.given.end(), [&](const Given& given) {
      return given.run.first < action.task + action.count && action.task < given.run.first + given.run.count;
    });
    if (!holds || seat.idle() || seat.gone()) continue;
    if (const auto back = seat.lane.recall(UINT32_MAX); !back) {
      on_liar(seat);
      continue;
    } else {
      give_back(seat, *back);
    }
    // As in cancel_in_hand: after this drain what is outstanding is what it has in hand, maybe another task.
    (void)drain(seat);
    if (seat.idle() || seat.gone()) continue;
    const auto in_hand = seat.lane.in_hand();
    if (!in_hand)
      on_liar(seat);
    else if (in_hand->task >= action.task && in_hand->task - action.task < action.count)
      end_attempt(
          seat, *in_hand, OutcomeKind::Cancelled,
          seat.kind == TaskKind::Function && !seat.given.empty() ? seat.given.front().grace : options_.grace);
  }
}

// Nothing that is not begun will be: it is taken back. What runs is ended if that was asked for.
void Engine::stop_workers() {
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = *seats_[i];
    if (seat.idle() || seat.gone()) continue;
    if (stop_grace_) {
      cancel_in_hand(seat, killing_ ? Duration(0) : *stop_grace_);
    } else if (const auto back = seat.lane.recall(UINT32_MAX); !back) {
      on_liar(seat);
    } else {
      give_back(seat, *back);
    }
  }
}

void Engine::stop(StopKind kind, std::optional<Duration> grace) {
  if (kind == StopKind::Now) stop_grace_ = grace.value_or(options_.grace);
  plan_.stop(kind, actions_);
  stop_workers();
}

void Engine::kill_all() {
  killing_ = true;
  stop(StopKind::Now, Duration(0));
}

void Engine::go_live(TaskId task) {
  live_wish_ = task;
  send_live_wish();
}

void Engine::send_live_wish() {
  if (!live_wish_) return;
  for (const auto& seat : seats_) {
    if (seat->kind != TaskKind::Command || seat->idle() || seat->gone()) continue;
    for (const Given& given : seat->given) {
      if (given.run.first != *live_wish_) continue;
      const LaneMessage message{
          .type = LaneMessageType::GoLive, .attempt = given.run.attempt, .task = *live_wish_, .grace_ns = 0};
      if (send_message(seat->socket.get(), message, nullptr, 0, Wait::No)) {
        seat->lane.message_sent();
        live_wish_.reset();
      }
      return;
    }
  }
}

}  // namespace drover
