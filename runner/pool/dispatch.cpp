// Where tasks run: which worker gets how many of them, and when they are taken back from it.
// First every idle slot gets something, then busy lanes are topped up, and only when nothing is ready any
// more are tasks taken back from where they would wait longest.
#include <algorithm>
#include <array>

#include "common/check.hpp"
#include "runner/pool/engine.hpp"

namespace drover {
namespace {

// Entries that a lane may hold are limited by its ring; tasks only by this.
constexpr std::uint32_t kMostInLane = 16 * 1024;

}  // namespace

LengthEstimate& Engine::estimate(std::uint32_t group) {
  if (group >= estimates_.size()) estimates_.resize(group + 1);
  return estimates_[group];
}

std::uint32_t Engine::depth_for(std::uint32_t group) const {
  return group < estimates_.size() ? lane_depth(estimates_[group], kMostInLane) : 1;
}

void Engine::occupy(Seat& seat) {
  if (seat.slot != 0) return;
  const auto free = std::find(slots_.begin(), slots_.end(), false);
  DROVER_CHECK(free != slots_.end());
  *free = true;
  seat.slot = static_cast<SlotNumber>(free - slots_.begin()) + 1;
  set_spins();
}

void Engine::vacate(Seat& seat) {
  if (seat.slot == 0) return;
  slots_[seat.slot - 1] = false;
  seat.slot = 0;
  seat.deadline.reset();
  seat.seen_hand.reset();
  set_spins();
}

bool Engine::fill() {
  look_again_.reset();
  if (plan_.input_wanted(kLowWater)) host_.feed(plan_, actions_);
  if (plan_.ready(TaskKind::Command) == 0 && plan_.ready(TaskKind::Function) == 0) {
    const bool commands = rebalance(TaskKind::Command);
    return rebalance(TaskKind::Function) || commands;
  }
  if (!host_.may_start() || plan_.stopping()) return false;
  const auto command = plan_.first_ready(TaskKind::Command);
  const auto function = plan_.first_ready(TaskKind::Function);
  const bool functions_first = function && (!command || function->first < command->first);
  const TaskKind first = functions_first ? TaskKind::Function : TaskKind::Command;
  const TaskKind second = functions_first ? TaskKind::Command : TaskKind::Function;
  const bool any = fill(first);
  return fill(second) || any;
}

bool Engine::fill(TaskKind kind) {
  bool any = false;
  const std::uint64_t ready = plan_.ready(kind);
  if (ready == 0) return false;
  retire_for_suspect(kind);
  // With little to hand out, everybody gets a part before anybody gets much.
  const auto share = [&] {
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(plan_.ready(kind) / options_.workers, 1, kMostInLane));
  };
  for (std::size_t i = 0; i < seats_.size() && plan_.ready(kind) != 0 && running() < options_.workers; ++i)
    if (Seat& seat = *seats_[i]; seat.kind == kind && seat.idle() && seat.usable())
      any = give(seat, share()) || any;
  // Those who will be idle once they have started are counted as if they were.
  const auto coming =
      static_cast<unsigned>(std::count_if(seats_.begin(), seats_.end(), [&](const auto& seat) {
        return seat->idle() && seat->state == Seat::State::Starting;
      }));
  unsigned room = options_.workers - std::min(options_.workers, running() + coming);
  const auto of_kind = static_cast<unsigned>(std::count_if(
      seats_.begin(), seats_.end(), [&](const auto& seat) { return seat->kind == kind && !seat->gone(); }));
  room = std::min(room, options_.workers - std::min(options_.workers, of_kind));
  for (std::uint64_t wanted = plan_.ready(kind);
       room != 0 && wanted != 0 && now() >= limit_of(kind).next_start(); --room) {
    Seat* seat = start_worker(kind);
    if (seat == nullptr) break;
    any = true;
    if (seat->usable()) {
      any = give(*seat, share()) || any;
      wanted = plan_.ready(kind);
    } else {
      --wanted;
    }
  }
  for (const auto& seat : seats_) {
    if (plan_.ready(kind) == 0) break;
    if (seat->kind != kind || seat->idle() || !seat->usable()) continue;
    any = give(*seat, share()) || any;
  }
  return any;
}

// A suspect is tried in a worker that has done nothing before, and that does nothing after it: whoever idles
// makes room.
void Engine::retire_for_suspect(TaskKind kind) {
  if (suspects_.empty()) return;
  const auto first = plan_.first_ready(kind);
  if (!first || suspects_.count(first->first) == 0) return;
  Seat* idle = nullptr;
  for (const auto& seat : seats_) {
    if (seat->kind != kind || seat->gone()) continue;
    if (!seat->used) return;  // one is there, or comes
    if (seat->idle()) idle = seat.get();
  }
  if (idle != nullptr) kill(*idle);
}

bool Engine::give(Seat& seat, std::uint32_t share) {
  const auto first = plan_.first_ready(seat.kind);
  if (!first || seat.holds_suspect) return false;  // who had a suspect gets nothing more
  const bool suspect = suspects_.count(first->first) != 0;
  if (suspect && seat.used) return false;
  const std::uint32_t depth = seat.idle() ? std::max(1U, depth_for(first->group)) : depth_for(first->group);
  const std::uint32_t held = seat.lane.outstanding();
  // A busy lane is topped up when it is half empty, not for every task that leaves it.
  if (held != 0 && held > depth / 2) return false;
  std::uint32_t left = suspect ? 1 : std::min(share, depth - held);
  bool any = false;
  while (left != 0) {
    const auto next = plan_.first_ready(seat.kind);
    if (!next) break;
    // Another group may be another length: it is judged when its turn comes, unless the lane is empty.
    if (any && next->group != first->group) break;
    const auto next_suspect = suspects_.lower_bound(next->first);
    if (!suspect && next_suspect != suspects_.end()) {
      if (*next_suspect == next->first) break;
      left = static_cast<std::uint32_t>(std::min<TaskId>(left, *next_suspect - next->first));
    }
    const std::uint32_t in_entry =
        seat.kind == TaskKind::Function && !next->alone
            ? std::min(left, run_length(estimate(next->group), std::min(options_.most_in_entry, kMostInRun)))
            : 1;
    const auto run = plan_.take_ready(seat.kind, in_entry);
    DROVER_CHECK(run && run->count != 0);
    if (!push(seat, *run)) {
      (void)plan_.put_back(*run, actions_);
      break;
    }
    left -= run->count;
    any = true;
  }
  if (any) {
    seat.holds_suspect = suspect;
    seat.lane.publish();
    if (held == 0) arm(seat);  // what was in hand before keeps its deadline
    send_live_wish();
  }
  return any;
}

bool Engine::push(Seat& seat, const TaskRun& run) {
  occupy(seat);
  shipment_.clear();
  host_.pack(run, seat.slot, shipment_);
  const LaneRun lane_run{run.first, run.count, run.attempt};
  auto pushed = seat.lane.try_push(lane_run, shipment_.function, seat.slot, 0, shipment_.args.data(),
                                   shipment_.args.size());
  if (pushed == CoordinatorLane::Push::TooLarge) {
    if (run.count > 1) {
      // Each on its own, then: the tail goes back and comes again.
      TaskRun tail = run;
      tail.first += 1;
      tail.count -= 1;
      (void)plan_.put_back(tail, actions_);
      TaskRun head = run;
      head.count = 1;
      return push(seat, head);
    }
    auto blob = make_sealed_blob("drover-args", shipment_.args[0]);
    if (blob) {
      const int fd = blob->get();
      const LaneMessage message{
          .type = LaneMessageType::Args, .attempt = run.attempt, .task = run.first, .grace_ns = 0};
      if (send_message(seat.socket.get(), message, &fd, 1, Wait::No)) {
        seat.lane.message_sent();
        pushed = seat.lane.try_push(lane_run, shipment_.function, seat.slot, kArgsByDescriptor, nullptr, 0);
      } else {
        pushed = CoordinatorLane::Push::Full;
      }
    } else {
      host_.on_notice("no memory for the arguments of task " + std::to_string(run.first) + ": " +
                      blob.error().text());
      pushed = CoordinatorLane::Push::Full;
    }
  }
  if (pushed != CoordinatorLane::Push::Done) {
    if (seat.lane.outstanding() == 0) vacate(seat);
    return false;
  }
  seat.used = true;
  seat.given.push_back({lane_run, run.group, shipment_.timeout, shipment_.grace});
  for (std::uint32_t i = 0; i < run.count; ++i) host_.on_given(run.first + i, run.attempt, seat.slot);
  return true;
}

bool Engine::rebalance(TaskKind kind) {
  if (running() >= options_.workers && options_.workers > 1) return false;
  const bool taker = std::any_of(seats_.begin(), seats_.end(), [&](const auto& seat) {
    return seat->kind == kind && seat->idle() && seat->usable();
  });
  if (!taker || plan_.stopping()) return false;
  std::vector<LaneLoad> loads(seats_.size());
  const std::uint64_t at = now_ns();
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = *seats_[i];
    if (seat.kind != kind || seat.idle() || seat.gone() || seat.given.empty()) continue;
    const auto in_hand = seat.lane.in_hand();
    loads[i].not_begun = seat.lane.outstanding() - (in_hand ? 1 : 0);
    loads[i].length = estimate(seat.given.front().group).length();
    if (in_hand) {
      const std::uint64_t started = seat.lane.started_ns();
      loads[i].in_hand_for = Duration(started < at ? static_cast<std::int64_t>(at - started) : 0);
    }
  }
  const auto recall = choose_recall(loads);
  if (!recall || recall->count == 0) {
    // Soon done, by what is known of its tasks. If it is not, somebody idles beside it: look once more then.
    if (std::any_of(loads.begin(), loads.end(), [](const LaneLoad& load) { return load.not_begun != 0; }))
      look_again_ = now() + kHoldsUp;
    return false;
  }
  Seat& seat = *seats_[recall->lane];
  const auto back = seat.lane.recall(recall->count);
  if (!back) {
    on_liar(seat);
    return true;
  }
  give_back(seat, *back);
  return !back->empty();
}

void Engine::give_back(Seat& seat, const std::vector<LaneRun>& runs) {
  for (const LaneRun& run : runs) {
    for (auto given = seat.given.rbegin(); given != seat.given.rend(); ++given) {
      if (run.first < given->run.first || run.first - given->run.first >= given->run.count) continue;
      given->run.count = static_cast<std::uint32_t>(run.first - given->run.first);
      break;
    }
    const bool known =
        plan_.put_back({.first = run.first, .count = run.count, .attempt = run.attempt}, actions_);
    DROVER_CHECK(known);
  }
  std::erase_if(seat.given, [](const Given& each) { return each.run.count == 0; });
  if (seat.lane.outstanding() == 0 && !seat.gone()) {
    seat.given.clear();
    vacate(seat);
  }
}

}  // namespace drover
