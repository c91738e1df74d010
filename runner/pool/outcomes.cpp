// What workers hand in: outcomes from their lanes, descriptors from their sockets, and what becomes of both.
// Everything here is said by somebody who may lie.
#include <sys/stat.h>

#include <algorithm>

#include "common/check.hpp"
#include "runner/pool/engine.hpp"

namespace drover {
namespace {

// Messages that are kept of one worker. More than an honest one has under way: three for each task that a
// command lane holds; of a function worker's results only as many are read at once as one look takes.
constexpr std::size_t kMostReceived = 64;

// A spool must be a file (reading it cannot block) that is as long as the report says.
bool holds_what_it_says(const CapturedStream& stream) {
  struct stat info {};
  return !stream.spool || (::fstat(stream.spool.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                           static_cast<std::uint64_t>(info.st_size) >= stream.size);
}

bool is_nowhere(const CapturedStream& stream) {
  return !stream.spool && stream.head.size() != stream.size;
}

}  // namespace

// Passes what a lane tells to the engine, with the seat that it came from.
class OutcomeTaker final : public CoordinatorLane::Sink {
 public:
  OutcomeTaker(Engine& engine, Seat& seat) : engine_(engine), seat_(seat) {}
  ~OutcomeTaker() override { tell_results(); }
  OutcomeTaker(const OutcomeTaker&) = delete;
  OutcomeTaker& operator=(const OutcomeTaker&) = delete;

  void on_succeeded(TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns) override {
    tell_results();
    if (first >= kFirstSetUp) {
      for (std::uint32_t i = 0; i < count; ++i)
        engine_.take_set_up(seat_, {.task = first + i, .attempt = attempt, .result = {}});
      return;
    }
    engine_.take_quiet(seat_, first, count, attempt, wall_ns);
  }
  void on_outcome(const LaneOutcome& outcome) override {
    const bool plain = outcome.kind == OutcomeKind::Succeeded && outcome.flags == 0 && !seat_.ending &&
                       seat_.kind == TaskKind::Function && outcome.task < kFirstSetUp;
    if (!plain || outcome.task != results_.first + results_.count || outcome.attempt != results_.attempt)
      tell_results();
    if (plain) {
      if (results_.count == 0) results_ = {outcome.task, 0, outcome.attempt};
      ++results_.count;
      wall_ns_ += outcome.wall_ns;
      engine_.host_.on_result(outcome.task, outcome.attempt, outcome.wall_ns, outcome.result);
    } else if (outcome.task >= kFirstSetUp) {
      engine_.take_set_up(seat_, outcome);
    } else {
      engine_.take_report(seat_, outcome);
    }
  }

 private:
  // Results go to the host at once; the plan hears of many together.
  void tell_results() {
    if (results_.count != 0) engine_.take_results(seat_, results_, wall_ns_);
    results_ = {};
    wall_ns_ = 0;
  }

  Engine& engine_;
  Seat& seat_;
  LaneRun results_;
  std::uint64_t wall_ns_ = 0;
};

bool Engine::drain(Seat& seat) {
  if (seat.live) tell_growth(seat);
  if (!seat.lane.outcomes_waiting()) return false;
  bool honest = false;
  const std::uint32_t held = seat.lane.outstanding(), set_ups = seat.set_ups_done;
  {
    OutcomeTaker taker(*this, seat);
    honest = seat.lane.drain(taker);
  }
  if (!honest || seat.lied) {
    on_liar(seat);
  } else if (held - seat.lane.outstanding() >
             seat.set_ups_done - set_ups) {  // what each worker runs first is none
    limit_of(seat.kind).on_progress();
    keeper_limit_.on_progress();
  }
  after_outcomes(seat);
  return true;
}

const Given* Engine::given_of(Seat& seat, TaskId task) {
  while (!seat.given.empty()) {
    const LaneRun& run = seat.given.front().run;
    if (task >= run.first && task - run.first < run.count) return &seat.given.front();
    seat.given.pop_front();
  }
  return nullptr;
}

void Engine::take_quiet(Seat& seat, TaskId first, std::uint32_t count, Attempt attempt,
                        std::uint64_t wall_ns) {
  // A function that was over its time and came back: its success comes too late.
  if (seat.ending && seat.ending->kind == OutcomeKind::TimedOut && seat.ending->task >= first &&
      seat.ending->task - first < count) {
    const TaskId late = seat.ending->task;
    const auto before = static_cast<std::uint32_t>(late - first);
    if (before != 0) take_quiet(seat, first, before, attempt, wall_ns / count * before);
    Report report;
    report.outcome.kind = OutcomeKind::TimedOut;
    report.outcome.wall_ns = wall_ns / count;
    seat.ending.reset();
    finish_attempt(late, attempt, report);
    if (const std::uint32_t after = count - before - 1; after != 0)
      take_quiet(seat, late + 1, after, attempt, wall_ns / count * after);
    return;
  }
  count_success(seat, first, count, attempt, wall_ns);
  if (!seat.lied) host_.on_quiet_success(first, count, attempt);
}

void Engine::take_results(Seat& seat, const LaneRun& told, std::uint64_t wall_ns) {
  count_success(seat, told.first, told.count, told.attempt, wall_ns);
}

void Engine::count_success(Seat& seat, TaskId first, std::uint32_t count, Attempt attempt,
                           std::uint64_t wall_ns) {
  for (std::uint32_t told = 0; told < count;) {
    const Given* given = given_of(seat, first + told);
    const std::uint32_t part =
        given == nullptr
            ? count - told
            : std::min(count - told,
                       static_cast<std::uint32_t>(given->run.first + given->run.count - first - told));
    if (given != nullptr)
      estimate(given->group).add(Duration(static_cast<std::int64_t>(wall_ns / count * part)), part);
    told += part;
  }
  if (!plan_.on_succeeded(first, count, attempt, actions_)) {
    seat.lied = true;
    return;
  }
  if (!suspects_.empty()) suspects_.erase(suspects_.lower_bound(first), suspects_.lower_bound(first + count));
}

// Of the calls that a worker makes before its tasks. One that fails makes its worker useless.
void Engine::take_set_up(Seat& seat, const LaneOutcome& outcome) {
  const auto number = static_cast<std::uint32_t>(outcome.task - kFirstSetUp);
  if (number != seat.set_ups_done || number >= set_ups_.size()) {
    seat.lied = true;
    return;
  }
  Report report;
  report.outcome.kind = outcome.kind;
  report.outcome.wall_ns = outcome.wall_ns;
  if ((outcome.flags & kFullAccount) != 0) {
    if (!decode_report(outcome.result, report) || (outcome.flags & ~kFullAccount) != 0) {
      report = {};
      report.outcome.kind = outcome.kind;
      report.outcome.message = "its account did not arrive";
    }
  }
  ++seat.set_ups_done;
  host_.on_set_up(number, report);
  settle_set_up(seat, number);
  if (report.outcome.succeeded()) return;
  seat.refused = "a function that each worker runs first did not succeed: " + report.outcome.message;
}

// One worker less owes this call: of those that were there when it was asked for.
void Engine::settle_set_up(const Seat& seat, std::uint32_t number) {
  if (number >= seat.set_ups_before && --set_ups_[number].owed == 0) host_.on_set_up_done(number);
}

void Engine::take_report(Seat& seat, const LaneOutcome& outcome) {
  Report report;
  bool lie = false;  // about this one: an outcome that was whole before the lane went bad counts
  std::string blob;
  std::string_view bytes = outcome.result;
  if (seat.kind == TaskKind::Command && !seat.live) {
    read_socket(seat);  // it may have gone live and ended between two looks
    take_live(seat, outcome.task, outcome.attempt);
  }
  const auto fetch = [&](LaneMessageType type) -> std::vector<UniqueFd> {
    for (int look = 0; look < 2; ++look) {
      const auto at =
          std::find_if(seat.received.begin(), seat.received.end(), [&](const ReceivedMessage& each) {
            return each.message.type == type && each.message.task == outcome.task &&
                   each.message.attempt == outcome.attempt;
          });
      if (at != seat.received.end()) {
        std::vector<UniqueFd> fds = std::move(at->fds);
        seat.received.erase(at);
        return fds;
      }
      read_socket(seat);  // sent before the outcome was published, so it is there
    }
    return {};
  };
  bool arrived = true;
  const auto look_for_lost = [&](bool missing) {
    if (!missing || seat.messages_lost == 0) return;
    --seat.messages_lost;
    arrived = false;
  };
  if ((outcome.flags & kResultByDescriptor) != 0) {
    auto fds = fetch(LaneMessageType::Result);
    look_for_lost(fds.empty());
    auto content =
        fds.size() == 1 ? read_sealed_blob(fds[0].get(), std::size_t{1} << 30) : Result<std::string>(Error{});
    if (!content) {
      lie = true;
    } else {
      blob = std::move(content.value());
      bytes = blob;
    }
  }
  if (!lie && (outcome.flags & kFullAccount) != 0) {
    if (!decode_report(bytes, report) || report.outcome.kind != outcome.kind) lie = true;
    if (const unsigned spools =
            ((outcome.flags & kOutSpooled) != 0 ? 1U : 0U) + ((outcome.flags & kErrSpooled) != 0 ? 1U : 0U);
        spools != 0 && !lie) {
      auto fds = fetch(LaneMessageType::Spools);
      look_for_lost(fds.empty());
      if (fds.size() != spools) {
        lie = true;
      } else {
        std::size_t next = 0;
        if ((outcome.flags & kOutSpooled) != 0) report.out.spool = std::move(fds[next++]);
        if ((outcome.flags & kErrSpooled) != 0) report.err.spool = std::move(fds[next++]);
        lie = !holds_what_it_says(report.out) || !holds_what_it_says(report.err);
      }
    }
    if (!lie && !seat.live && (is_nowhere(report.out) || is_nowhere(report.err))) {
      lie = true;  // unless it was to be live
      look_for_lost(true);
    }
  } else if (!lie) {
    report.outcome.kind = outcome.kind;
    report.outcome.wall_ns = outcome.wall_ns;
    report.plain = true;
    report.out.head.assign(bytes);
    report.out.size = bytes.size();
  }
  if (lie) {
    if (arrived) seat.lied = true;
    // The outcome stands as the worker's last word about itself, without the part that nobody can believe.
    report = {};
    report.outcome.kind = OutcomeKind::WorkerLost;
    report.outcome.message = arrived
                                 ? "its worker handed in something that cannot be true"
                                 : "what it handed in did not arrive: too many open files; raise `ulimit -n`";
  }
  if (const Given* given = given_of(seat, outcome.task); given != nullptr)
    estimate(given->group).add(Duration(static_cast<std::int64_t>(outcome.wall_ns)), 1);
  if (seat.ending && seat.ending->task == outcome.task && seat.ending->attempt == outcome.attempt) {
    if (seat.kind == TaskKind::Function &&
        (seat.ending->kind == OutcomeKind::TimedOut || !report.outcome.succeeded())) {
      report.outcome.kind = seat.ending->kind;
      report.outcome.message.clear();
    }
    // Its worker was asked to end it, and does not know why.
    if (seat.kind == TaskKind::Command && report.outcome.kind == OutcomeKind::Cancelled)
      report.outcome.kind = seat.ending->kind;
    seat.ending.reset();
  }
  if (report.outcome.kind == OutcomeKind::Signaled && report.outcome.signal == SIGKILL &&
      oom_watch_.killed_since_last_look())
    report.outcome.kind = OutcomeKind::OutOfMemory;
  if (seat.live) {  // the files are there already, and the report has their last sizes
    report.out.spool.reset();
    report.err.spool.reset();
    seat.live = false;
  }
  finish_attempt(outcome.task, outcome.attempt, report);
}

void Engine::finish_attempt(TaskId task, Attempt attempt, Report& report) {
  suspects_.erase(task);
  const std::size_t before = actions_.size();
  if (!plan_.on_outcome(task, attempt, report.outcome.kind, actions_)) return;
  const bool retried =
      std::any_of(actions_.begin() + static_cast<std::ptrdiff_t>(before), actions_.end(),
                  [&](const Action& each) { return each.kind == Action::Kind::Retry && each.task == task; });
  if (report.outcome.kind == OutcomeKind::WorkerLost) ++workers_lost_;
  host_.on_report(task, attempt, report, retried);
}

void Engine::after_outcomes(Seat& seat) {
  if (seat.lane.outstanding() == 0) {
    seat.given.clear();
    seat.ending.reset();
    seat.live = false;
    if (!seat.gone()) vacate(seat);
    // Nobody else gets what may be damaged, and who has done its share is replaced.
    const bool used_up =
        options_.most_tasks_per_worker != 0 && seat.tasks_given >= options_.most_tasks_per_worker;
    if ((seat.holds_suspect || used_up || seat.terminated || !seat.refused.empty()) && !seat.gone())
      kill(seat);
    return;
  }
  const LaneRun oldest = seat.lane.oldest();
  // SIGTERM may reach it late: whoever was sent one does nothing more.
  if (seat.terminated && !seat.gone() && !seat.lane.in_hand()) kill(seat);
  if (oldest.first >= kFirstSetUp) {  // nothing but more of them lies behind it
    seat.given.clear();
    seat.ending.reset();
    seat.deadline.reset();
    seat.seen_hand.reset();
    return;
  }
  (void)given_of(seat, oldest.first);
  if (seat.ending && seat.ending->task != oldest.first) seat.ending.reset();
  arm(seat);
  begin_live(seat);
}

void Engine::read_socket(Seat& seat) {
  if (!seat.socket) return;
  for (std::size_t i = 0; i < 16; ++i) {
    auto received = receive_message(seat.socket.get(), Wait::No);
    if (!received && received.error().code == EPROTO && seat.messages_lost < kMostReceived) {
      ++seat.messages_lost;
      continue;
    }
    if (!received) {
      if (received.error().code != ECONNRESET) seat.lied = true;  // else its death is about to be told
      break;
    }
    if (!received->has_value()) break;
    seat.received.push_back(std::move(**received));
    if (seat.received.size() > kMostReceived) seat.lied = true;
  }
}

void Engine::hear(Seat& seat) {
  read_socket(seat);
  if (seat.lied) on_liar(seat);
  begin_live(seat);
}

// A worker that has gone on speaks of its next attempt before the outcome of the last one was drained: its
// message waits in `received` until that attempt is the oldest.
void Engine::begin_live(Seat& seat) {
  if (seat.live || seat.lane.outstanding() == 0) return;
  const LaneRun oldest = seat.lane.oldest();
  take_live(seat, oldest.first, oldest.attempt);
  if (seat.live) tell_growth(seat);
}

void Engine::take_live(Seat& seat, TaskId task, Attempt attempt) {
  const auto at = std::find_if(seat.received.begin(), seat.received.end(), [&](const ReceivedMessage& each) {
    return each.message.type == LaneMessageType::Live && each.message.task == task &&
           each.message.attempt == attempt && each.fds.size() == 2;
  });
  if (at == seat.received.end()) return;
  std::vector<UniqueFd> fds = std::move(at->fds);
  seat.received.erase(at);
  seat.live = true;
  seat.live_out = seat.live_err = 0;
  host_.on_live(task, std::move(fds[0]), std::move(fds[1]));
}

void Engine::tell_growth(Seat& seat) {
  const std::uint64_t out = std::max(seat.live_out, seat.lane.out_bytes());
  const std::uint64_t err = std::max(seat.live_err, seat.lane.err_bytes());
  if (out == seat.live_out && err == seat.live_err) return;
  seat.live_out = out;
  seat.live_err = err;
  host_.on_grown(seat.lane.oldest().first, out, err);
}

}  // namespace drover
