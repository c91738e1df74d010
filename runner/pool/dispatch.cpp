// Where tasks run: which worker gets how many of them, and when they are taken back from it.
// First every idle slot gets something, then busy lanes are topped up, and only when nothing is ready any
// more are tasks taken back from where they would wait longest.
#include <algorithm>
#include <array>
#include <utility>

#include "common/check.hpp"
#include "runner/pool/engine.hpp"

namespace drover {
namespace {

// Entries that a lane may hold are limited by its ring; tasks only by this.
constexpr std::uint32_t kMostInLane = 16 * 1024;
// How long a worker that did not begin what it was given comes last. Without it what is taken back from one
// that stands still would be given to it again, for ever.
constexpr Duration kLastChoice = std::chrono::milliseconds(10);

bool comes_last(const Seat& seat, Instant at) {
  return seat.last_choice_until > at;
}

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
  if (std::exchange(set_ups_wait_, false))
    for (std::size_t i = 0; i < seats_.size(); ++i)
      if (Seat& seat = *seats_[i]; seat.kind == TaskKind::Function && seat.usable()) (void)push_set_ups(seat);
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
  const Instant at = now();
  for (const bool last_choice : {false, true})
    for (std::size_t i = 0; i < seats_.size() && plan_.ready(kind) != 0 && running() < options_.workers; ++i)
      if (Seat& seat = *seats_[i];
          seat.kind == kind && seat.idle() && seat.usable() && comes_last(seat, at) == last_choice)
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
  const auto soon =
      static_cast<std::uint64_t>(std::count_if(seats_.begin(), seats_.end(), [&](const auto& seat) {
        return seat->kind == kind && seat->idle() && seat->state == Seat::State::Starting && !seat->usable();
      }));
  for (std::uint64_t wanted = plan_.ready(kind) - std::min(plan_.ready(kind), soon);
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
  if (seat.kind == TaskKind::Function && seat.set_ups_done != set_ups_.size()) return push_set_ups(seat);
  const bool suspect = suspects_.count(first->first) != 0;
  if (suspect && seat.used) return false;
  const std::uint32_t depth = seat.idle() ? std::max(1U, depth_for(first->group)) : depth_for(first->group);
  const std::uint32_t held = seat.lane.outstanding();
  // A busy lane is topped up when it is half empty, not for every task that leaves it.
  if (held != 0 && held > depth / 2) return false;
  std::uint32_t left = suspect ? 1 : std::min(share, depth - held);
  if (options_.most_tasks_per_worker != 0 && seat.kind == TaskKind::Function)
    left = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        left, options_.most_tasks_per_worker - std::min(options_.most_tasks_per_worker, seat.tasks_given)));
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
  auto pushed = !share(seat, shipment_.shared)
                    ? CoordinatorLane::Push::Full
                    : seat.lane.try_push(lane_run, shipment_.function, seat.slot, 0, shipment_.args.data(),
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
    pushed = push_by_descriptor(seat, lane_run, shipment_.function, shipment_.args[0]);
  }
  if (pushed != CoordinatorLane::Push::Done) {
    if (seat.lane.outstanding() == 0) vacate(seat);
    return false;
  }
  seat.used = true;
  seat.tasks_given += run.count;
  seat.given.push_back({lane_run, run.group, shipment_.timeout, shipment_.grace});
  for (std::uint32_t i = 0; i < run.count; ++i) host_.on_given(run.first + i, run.attempt, seat.slot);
  return true;
}

CoordinatorLane::Push Engine::push_by_descriptor(Seat& seat, const LaneRun& run, std::uint32_t function,
                                                 std::string_view args) {
  auto blob = make_sealed_blob("drover-args", args);
  if (!blob) {
    host_.on_notice("no memory for the arguments of task " + std::to_string(run.first) + ": " +
                    blob.error().text());
    return CoordinatorLane::Push::Full;
  }
  const int fd = blob->get();
  const LaneMessage message{
      .type = LaneMessageType::Args, .attempt = run.attempt, .task = run.first, .grace_ns = 0};
  if (!send(seat, message, &fd)) return CoordinatorLane::Push::Full;
  return seat.lane.try_push(run, function, seat.slot, kArgsByDescriptor, nullptr, 0);
}

// Sends the worker what it has not got yet. False: not now.
bool Engine::share(Seat& seat, const std::vector<SharedPart>& parts) {
  for (const SharedPart& part : parts) {
    if (seat.shared.count(part.id) != 0) continue;
    const LaneMessage message{.type = LaneMessageType::Share,
                              .attempt = part.writable ? 1U : 0U,
                              .task = part.id,
                              .grace_ns = part.size};
    if (!send(seat, message, &part.fd)) return false;
    seat.shared.insert(part.id);
  }
  return true;
}

void Engine::forget_shared(std::uint64_t id) {
  for (const auto& seat : seats_) {
    if (seat->shared.erase(id) == 0 || seat->gone()) continue;
    seat->unshared.push_back(id);
    if (!seat->socket_full) unshare(*seat);
  }
}

void Engine::unshare(Seat& seat) {
  while (!seat.unshared.empty()) {
    const LaneMessage message{
        .type = LaneMessageType::Unshare, .attempt = 0, .task = seat.unshared.back(), .grace_ns = 0};
    if (!send(seat, message, nullptr)) return;
    seat.unshared.pop_back();
  }
}

// False: not now. What was to be sent is tried again when the socket takes more, which wakes the engine.
bool Engine::send(Seat& seat, const LaneMessage& message, const int* fd) {
  const Status sent = send_message(seat.socket.get(), message, fd, fd != nullptr ? 1 : 0, Wait::No);
  if (sent) {
    seat.lane.message_sent();
    return true;
  }
  const bool full = sent.error().code == EAGAIN || sent.error().code == ETOOMANYREFS;
  if (full && !std::exchange(seat.socket_full, true)) poller_.also_for_room(seat.socket.get(), true);
  return false;
}

void Engine::on_socket(Seat& seat) {
  if (std::exchange(seat.socket_full, false)) {
    poller_.also_for_room(seat.socket.get(), false);
    unshare(seat);
  }
  hear(seat);
}

void Engine::set_up(std::uint32_t function, std::string args, std::vector<SharedPart> shared) {
  const auto number = static_cast<std::uint32_t>(set_ups_.size());
  SetUp& added = set_ups_.emplace_back(SetUp{function, std::move(args), std::move(shared), 0});
  for (const auto& seat : seats_)
    if (seat->kind == TaskKind::Function) ++added.owed;
  if (added.owed == 0) host_.on_set_up_done(number);
  for (std::size_t i = 0; i < seats_.size(); ++i)
    if (Seat& seat = *seats_[i]; seat.kind == TaskKind::Function && seat.usable()) (void)push_set_ups(seat);
}

// What each worker calls before its tasks; nothing else is given to it until it has.
bool Engine::push_set_ups(Seat& seat) {
  if (seat.idle() && running() >= options_.workers) {
    set_ups_wait_ = true;
    return false;
  }
  bool any = false;
  while (seat.set_ups_given < set_ups_.size()) {
    const SetUp& next = set_ups_[seat.set_ups_given];
    const LaneRun run{kFirstSetUp + seat.set_ups_given, 1, 1};
    const std::string_view args = next.args;
    if (!share(seat, next.shared)) break;
    occupy(seat);
    auto pushed = seat.lane.try_push(run, next.function, seat.slot, 0, &args, 1);
    if (pushed == CoordinatorLane::Push::TooLarge)
      pushed = push_by_descriptor(seat, run, next.function, args);
    if (pushed != CoordinatorLane::Push::Done) break;
    ++seat.set_ups_given;
    any = true;
  }
  if (seat.set_ups_given < set_ups_.size()) set_ups_wait_ = true;
  if (any) seat.lane.publish();
  if (seat.lane.outstanding() == 0) vacate(seat);
  return any;
}

bool Engine::rebalance(TaskKind kind) {
  if (running() >= options_.workers && options_.workers > 1) return false;
  bool taker = false;
  std::optional<Instant> later;  // when somebody may be one who is none now
  for (const auto& seat : seats_) {
    if (seat->kind != kind || !seat->idle() || !seat->usable()) continue;
    if (!comes_last(*seat, now()))
      taker = true;
    else if (!later || seat->last_choice_until < *later)
      later = seat->last_choice_until;
  }
  if ((!taker && !later) || plan_.stopping()) return false;
  std::vector<LaneLoad> loads(seats_.size());
  const std::uint64_t at = now_ns();
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = *seats_[i];
    if (seat.kind != kind || seat.idle() || seat.gone() || seat.given.empty()) continue;
    const auto in_hand = seat.lane.in_hand();
    // Nobody else can make its set-ups.
    const bool setting_up = in_hand && in_hand->task >= kFirstSetUp;
    const std::uint32_t set_ups = seat.set_ups_given - seat.set_ups_done - (setting_up ? 1 : 0);
    loads[i].not_begun = seat.lane.outstanding() - (in_hand ? 1 : 0) - set_ups;
    loads[i].length = estimate(seat.given.front().group).length();
    if (in_hand) {
      const std::uint64_t started = seat.lane.started_ns();
      loads[i].in_hand_for = Duration(started < at ? static_cast<std::int64_t>(at - started) : 0);
    }
  }
  const auto recall = choose_recall(loads);
  if (recall && recall->count != 0 && !taker) {
    look_again_ = later;
    return false;
  }
  if (!recall || recall->count == 0) {
    // Soon done, by what is known of its tasks. If it is not, somebody idles beside it: look once more then.
    if (std::any_of(loads.begin(), loads.end(), [](const LaneLoad& load) { return load.not_begun != 0; }))
      look_again_ = now() + kHoldsUp;
    return false;
  }
  Seat& seat = *seats_[recall->lane];
  // What lies behind the tasks are set-ups: they come again.
  const auto back = seat.lane.recall(seat.set_ups_given != seat.set_ups_done ? UINT32_MAX : recall->count);
  if (!back) {
    on_liar(seat);
    return true;
  }
  give_back(seat, *back);
  if (seat.idle()) seat.last_choice_until = now() + kLastChoice;
  return !back->empty();
}

void Engine::give_back(Seat& seat, const std::vector<LaneRun>& runs) {
  for (const LaneRun& run : runs) {
    if (run.first >= kFirstSetUp) {  // taken back: it comes again
      seat.set_ups_given = std::min(seat.set_ups_given, static_cast<std::uint32_t>(run.first - kFirstSetUp));
      set_ups_wait_ = true;
      continue;
    }
    seat.tasks_given -= run.count;
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
