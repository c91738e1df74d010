// The engine's loop and how outcomes are taken. After every wake: outcomes, then deaths, then deadlines; so an engine
// that was stopped or slow judges nobody wrongly.
#include "runner/pool/engine.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "common/check.hpp"
#include "common/doorbell.hpp"
#include "common/function_names.hpp"

namespace drover {
namespace {

// While outcomes keep coming, the descriptors are looked at this often.
constexpr Duration kPollEvery = std::chrono::microseconds(200);
// How long an outcome may wait for others to be heard of together with it.
constexpr Duration kPatience = std::chrono::milliseconds(1);
// How long to spin before sleeping, when there are processors for it: about what a wake costs between two of them.
constexpr Duration kBriefSpin = std::chrono::microseconds(20);
constexpr Duration kLongSpin = std::chrono::milliseconds(2);
// Messages that are kept of one worker. More than an honest one has under way: three for each task that a command lane
// holds; of a function worker's results only as many are read at once as one look takes.
constexpr std::size_t kMostReceived = 64;

// A spool must be a file (reading it cannot block) that is as long as the report says.
bool holds_what_it_says(const CapturedStream& stream) {
  struct stat info {};
  return !stream.spool || (::fstat(stream.spool.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                           static_cast<std::uint64_t>(info.st_size) >= stream.size);
}

std::uint64_t oom_kills() {
  std::ifstream in("/proc/vmstat");
  std::string key;
  std::uint64_t value = 0;
  while (in >> key >> value)
    if (key == "oom_kill") return value;
  return 0;
}

}  // namespace

// Passes what a lane tells to the engine, with the seat that it came from.
class OutcomeTaker final : public CoordinatorLane::Sink {
 public:
  OutcomeTaker(Engine& engine, Seat& seat) : engine_(engine), seat_(seat) {}
  void on_succeeded(TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns) override {
    engine_.take_quiet(seat_, first, count, attempt, wall_ns);
  }
  void on_outcome(const LaneOutcome& outcome) override { engine_.take_report(seat_, outcome); }

 private:
  Engine& engine_;
  Seat& seat_;
};

Engine::Engine(EngineOptions options, Plan& plan, EngineHost& host)
    : options_(std::move(options)), plan_(plan), host_(host), keeper_limit_(options_.restart),
      command_limit_(options_.restart), function_limit_(options_.restart) {
  options_.workers = std::max(options_.workers, 1U);
  options_.cpus = std::max(options_.cpus, 1U);
  slots_.resize(options_.workers);
  functions_hash_ = kNoNames;
  for (const std::string& name : options_.functions) functions_hash_ = hash_name(functions_hash_, name);
  oom_kills_ = oom_kills();
}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::start(EngineOptions options, Plan& plan, EngineHost& host) {
  std::unique_ptr<Engine> engine(new Engine(std::move(options), plan, host));
  auto poller = Poller::create();
  if (!poller) return poller.error();
  engine->poller_ = std::move(poller.value());
  if (auto started = engine->start_keeper(); !started) return started.error();
  return engine;
}

Status Engine::run() {
  tell_actions();
  while (!failure_) {
    bool busy = drain_all();
    if (deadlines_) check_deadlines(now());
    tell_actions();
    if (plan_.over()) break;
    busy = fill() || busy;
    tell_actions();
    if (plan_.over() || failure_) break;
    if (busy || spin()) {
      if (const Instant at = now(); at - last_poll_ >= kPollEvery) {
        last_poll_ = at;
        poller_.wait(Instant{});
        if (const auto wake = host_.next_wake(); wake && *wake <= at) host_.tick(at);
      }
      continue;
    }
    sleep();
  }
  if (failure_) return *failure_;
  return Nothing{};
}

// Command workers know no functions.
CoordinatorLane::Greeting Engine::greeting(const Seat& seat) const {
  if (seat.kind == TaskKind::Command) return seat.lane.greeting(0, kNoNames);
  return seat.lane.greeting(static_cast<std::uint32_t>(options_.functions.size()), functions_hash_);
}

bool Engine::outcomes_waiting() const {
  return std::any_of(seats_.begin(), seats_.end(), [](const auto& seat) {
    return !seat->idle() && seat->state != Seat::State::Dead && seat->lane.outcomes_waiting();
  });
}

// A worker that has lost its claim word may sleep for ever with tasks that it was given: nobody would wake us.
bool Engine::catch_liars() {
  bool any = false;
  for (const auto& seat : seats_) {
    if (seat->idle() || seat->gone() || seat->lane.claim_is_possible() || seat->lane.outcomes_waiting()) continue;
    on_liar(*seat);
    any = true;
  }
  return any;
}

bool Engine::spin() {
  if (options_.spin == EngineOptions::Spin::Off) return false;
  unsigned spinners = 1;  // this thread
  bool functions = false;
  for (const auto& seat : seats_) {
    if (seat->idle()) continue;
    ++spinners;
    functions = functions || seat->kind == TaskKind::Function;
  }
  const bool always = options_.spin == EngineOptions::Spin::Always;
  if (!functions || spinners < 2 || (!always && spinners > options_.cpus)) return false;
  const std::uint64_t until = now_ns() + static_cast<std::uint64_t>((always ? kLongSpin : kBriefSpin).count());
  do {
    for (int i = 0; i < 16; ++i) {
      if (outcomes_waiting()) return true;
      relax();
    }
  } while (now_ns() < until);
  return false;
}

void Engine::set_spins() {
  const bool always = options_.spin == EngineOptions::Spin::Always;
  const bool room = running() + 1 <= options_.cpus;
  for (const auto& seat : seats_) {
    if (seat->kind != TaskKind::Function || seat->state == Seat::State::Dead) continue;
    const bool allowed = options_.spin != EngineOptions::Spin::Off && (always || room);
    seat->lane.set_spin(!allowed ? Duration(0) : always ? kLongSpin : kBriefSpin);
  }
}

void Engine::sleep() {
  // Who is starting rings too, when it greets.
  const auto may_ring = [](const Seat& seat) {
    return seat.state != Seat::State::Dead && (!seat.idle() || seat.state == Seat::State::Starting);
  };
  // Short tasks are heard of when half of a lane is done, so that one wake serves many. But not later than after
  // kPatience: if one of them turned out long, the next sleep is to end with the next outcome.
  const bool patient = !impatient_;
  std::optional<Instant> until = next_deadline();
  bool batched = false;
  for (const auto& seat : seats_) {
    if (!may_ring(*seat)) continue;
    const std::uint32_t held = seat->lane.outstanding();
    const std::uint32_t batch = patient ? std::max(1U, std::min(held / 2, 1024U)) : 1;
    batched = batched || batch > 1;
    seat->lane.declare_sleep(batch);
  }
  if (batched) {
    const Instant patience = now() + kPatience;
    if (!until || patience < *until) until = patience;
  }
  const bool greeted = std::any_of(seats_.begin(), seats_.end(), [this](const auto& seat) {
    return seat->state == Seat::State::Starting && greeting(*seat) != CoordinatorLane::Greeting::None;
  });
  const bool due = std::any_of(seats_.begin(), seats_.end(), [](const auto& seat) {
    return !seat->idle() && seat->state != Seat::State::Dead && seat->lane.wake_due();
  });
  if (!due && !greeted && !catch_liars()) {
    poller_.wait(until);
    last_poll_ = now();
  }
  if (const auto wake = host_.next_wake(); wake && *wake <= last_poll_) host_.tick(last_poll_);
  impatient_ = batched && !outcomes_waiting();
  for (const auto& seat : seats_)
    if (seat->state != Seat::State::Dead) seat->lane.declare_awake();
}

std::optional<Instant> Engine::next_deadline() const {
  std::optional<Instant> first = host_.next_wake();
  const auto consider = [&](const std::optional<Instant>& other) {
    if (other && (!first || *other < *first)) first = other;
  };
  for (const auto& seat : seats_)
    if (seat->state != Seat::State::Dead) consider(seat->deadline);
  consider(look_again_);
  // A start that was put off after a death: only if somebody waits for it.
  if (const Instant start = command_limit_.next_start(); plan_.ready(TaskKind::Command) != 0 && start > now()) consider(start);
  if (const Instant start = function_limit_.next_start(); plan_.ready(TaskKind::Function) != 0 && start > now()) consider(start);
  return first;
}

bool Engine::drain_all() {
  bool any = false;
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = *seats_[i];
    if (seat.state == Seat::State::Dead) continue;
    if (seat.state == Seat::State::Starting) {
      switch (greeting(seat)) {
        case CoordinatorLane::Greeting::None:
          break;
        case CoordinatorLane::Greeting::Welcome:
          seat.state = Seat::State::Ready;
          any = true;
          break;
        case CoordinatorLane::Greeting::WrongVersion:
          failure_ = Error{options_.worker_program + " is of another version, or knows other functions than it said; install both programs together", {}, 0};
          return true;
      }
    }
    if (!seat.idle()) any = drain(seat) || any;
  }
  return any;
}

bool Engine::drain(Seat& seat) {
  if (seat.live) tell_growth(seat);
  if (!seat.lane.outcomes_waiting()) return false;
  OutcomeTaker taker(*this, seat);
  const bool honest = seat.lane.drain(taker);
  if (!honest || seat.lied) {
    on_liar(seat);
  } else {
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

void Engine::take_quiet(Seat& seat, TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns) {
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
  for (std::uint32_t told = 0; told < count;) {
    const Given* given = given_of(seat, first + told);
    const std::uint32_t part =
        given == nullptr ? count - told
                         : std::min(count - told, static_cast<std::uint32_t>(given->run.first + given->run.count - first - told));
    if (given != nullptr) estimate(given->group).add(Duration(static_cast<std::int64_t>(wall_ns / count * part)), part);
    told += part;
  }
  if (!plan_.on_succeeded(first, count, attempt, actions_)) {
    seat.lied = true;
    return;
  }
  host_.on_quiet_success(first, count, attempt);
}

void Engine::take_report(Seat& seat, const LaneOutcome& outcome) {
  Report report;
  std::string blob;
  std::string_view bytes = outcome.result;
  if (seat.kind == TaskKind::Command && !seat.live) {
    read_socket(seat);  // it may have gone live and ended between two looks
    take_live(seat, outcome.task, outcome.attempt);
  }
  const auto fetch = [&](LaneMessageType type) -> std::vector<UniqueFd> {
    for (int look = 0; look < 2; ++look) {
      const auto at = std::find_if(seat.received.begin(), seat.received.end(), [&](const ReceivedMessage& each) {
        return each.message.type == type && each.message.task == outcome.task && each.message.attempt == outcome.attempt;
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
  if ((outcome.flags & kResultByDescriptor) != 0) {
    auto fds = fetch(LaneMessageType::Result);
    auto content = fds.size() == 1 ? read_sealed_blob(fds[0].get(), std::size_t{1} << 30) : Result<std::string>(Error{});
    if (!content) {
      seat.lied = true;
    } else {
      blob = std::move(content.value());
      bytes = blob;
    }
  }
  if (!seat.lied && (outcome.flags & kFullAccount) != 0) {
    if (!decode_report(bytes, report) || report.outcome.kind != outcome.kind) seat.lied = true;
    if (const unsigned spools = ((outcome.flags & kOutSpooled) != 0 ? 1U : 0U) + ((outcome.flags & kErrSpooled) != 0 ? 1U : 0U);
        spools != 0 && !seat.lied) {
      auto fds = fetch(LaneMessageType::Spools);
      if (fds.size() != spools) {
        seat.lied = true;
      } else {
        std::size_t next = 0;
        if ((outcome.flags & kOutSpooled) != 0) report.out.spool = std::move(fds[next++]);
        if ((outcome.flags & kErrSpooled) != 0) report.err.spool = std::move(fds[next++]);
        seat.lied = !holds_what_it_says(report.out) || !holds_what_it_says(report.err);
      }
    }
  } else if (!seat.lied) {
    report.outcome.kind = outcome.kind;
    report.outcome.wall_ns = outcome.wall_ns;
    report.out.head.assign(bytes);
    report.out.size = bytes.size();
  }
  if (seat.lied) {
    // The outcome stands as the worker's last word about itself, without the part that nobody can believe.
    report = {};
    report.outcome.kind = OutcomeKind::WorkerLost;
    report.outcome.message = "its worker handed in something that cannot be true";
  }
  if (const Given* given = given_of(seat, outcome.task); given != nullptr)
    estimate(given->group).add(Duration(static_cast<std::int64_t>(outcome.wall_ns)), 1);
  if (seat.ending && seat.ending->task == outcome.task && seat.ending->attempt == outcome.attempt) {
    if (seat.kind == TaskKind::Function &&
        (seat.ending->kind == OutcomeKind::TimedOut || !report.outcome.succeeded())) {
      report.outcome.kind = seat.ending->kind;
      report.outcome.message.clear();
    }
    seat.ending.reset();
  }
  if (report.outcome.kind == OutcomeKind::Signaled && report.outcome.signal == SIGKILL && killed_for_memory())
    report.outcome.kind = OutcomeKind::OutOfMemory;
  if (seat.live) {  // the files are there already, and the report has their last sizes
    report.out.spool.reset();
    report.err.spool.reset();
    seat.live = false;
  }
  finish_attempt(outcome.task, outcome.attempt, report);
}

bool Engine::killed_for_memory() {
  const std::uint64_t kills = oom_kills();
  const bool more = kills > oom_kills_;
  oom_kills_ = kills;
  return more;
}

void Engine::finish_attempt(TaskId task, Attempt attempt, Report& report) {
  const std::size_t before = actions_.size();
  if (!plan_.on_outcome(task, attempt, report.outcome.kind, actions_)) return;
  const bool retried = std::any_of(actions_.begin() + static_cast<std::ptrdiff_t>(before), actions_.end(), [&](const Action& each) {
    return each.kind == Action::Kind::Retry && each.task == task;
  });
  if (report.outcome.kind == OutcomeKind::WorkerLost || report.outcome.kind == OutcomeKind::OutOfMemory) ++workers_lost_;
  host_.on_report(task, attempt, report, retried);
}

void Engine::after_outcomes(Seat& seat) {
  if (seat.lane.outstanding() == 0) {
    seat.given.clear();
    seat.ending.reset();
    seat.live = false;
    if (!seat.gone()) vacate(seat);
    return;
  }
  const LaneRun oldest = seat.lane.oldest();
  (void)given_of(seat, oldest.first);
  if (seat.ending && seat.ending->task != oldest.first) seat.ending.reset();
  arm(seat);
  begin_live(seat);
}

// The plan's decisions: what concerns workers is done here, the rest is told.
void Engine::tell_actions() {
  while (!actions_.empty()) {
    std::vector<Action> turn;
    turn.swap(actions_);
    bool halting = false;
    for (const Action& action : turn) {
      if (action.kind == Action::Kind::Halt) halting = true;
      if (action.kind != Action::Kind::Cancel) continue;
      if (plan_.stopping()) {
        halting = true;
        if (!stop_grace_) stop_grace_ = options_.grace;
      } else {
        cancel(action);
      }
    }
    if (halting) stop_workers();
    host_.on_actions(turn);
  }
}

void Engine::read_socket(Seat& seat) {
  if (!seat.socket) return;
  for (std::size_t i = 0; i < 16; ++i) {
    auto received = receive_message(seat.socket.get(), Wait::No);
    if (!received) {
      seat.lied = true;
      break;
    }
    if (!received->has_value()) {
      // Nothing there, or the other side is gone; then its death is about to be told.
      break;
    }
    seat.received.push_back(std::move(**received));
    if (seat.received.size() > kMostReceived) seat.lied = true;
  }
}

void Engine::hear(Seat& seat) {
  read_socket(seat);
  if (seat.lied) on_liar(seat);
  begin_live(seat);
}

// A worker that has gone on speaks of its next attempt before the outcome of the last one was drained: its message waits
// in `received` until that attempt is the oldest.
void Engine::begin_live(Seat& seat) {
  if (seat.live || seat.lane.outstanding() == 0) return;
  const LaneRun oldest = seat.lane.oldest();
  take_live(seat, oldest.first, oldest.attempt);
  if (seat.live) tell_growth(seat);
}

void Engine::take_live(Seat& seat, TaskId task, Attempt attempt) {
  const auto at = std::find_if(seat.received.begin(), seat.received.end(), [&](const ReceivedMessage& each) {
    return each.message.type == LaneMessageType::Live && each.message.task == task && each.message.attempt == attempt &&
           each.fds.size() == 2;
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

unsigned Engine::running() const {
  return static_cast<unsigned>(std::count(slots_.begin(), slots_.end(), true));
}

std::vector<std::pair<TaskId, TaskProgress>> Engine::progress() const {
  std::vector<std::pair<TaskId, TaskProgress>> all;
  for (const auto& seat : seats_) {
    if (seat->idle() || seat->gone()) continue;
    const auto in_hand = seat->lane.in_hand();
    auto progress = seat->lane.progress();
    if (in_hand && progress && progress->hand == in_hand->hand) all.emplace_back(in_hand->task, std::move(*progress));
  }
  return all;
}

std::vector<pid_t> Engine::worker_pids() const {
  std::vector<pid_t> pids;
  for (const auto& seat : seats_)
    if (seat->pid != 0 && seat->state != Seat::State::Dead) pids.push_back(seat->pid);
  return pids;
}

}  // namespace drover
