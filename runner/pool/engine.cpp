// The engine's loop. After every wake: outcomes, then deaths, then deadlines; so
// an engine that was stopped or slow judges nobody wrongly.
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
// How long to spin before sleeping, when there are processors for it: about what a wake costs between two of
// them.
constexpr Duration kBriefSpin = std::chrono::microseconds(20);
constexpr Duration kLongSpin = std::chrono::milliseconds(2);
}  // namespace

Engine::Engine(EngineOptions options, Plan& plan, EngineHost& host)
    : options_(std::move(options)),
      plan_(plan),
      host_(host),
      keeper_limit_(options_.restart),
      command_limit_(options_.restart),
      function_limit_(options_.restart),
      oom_watch_(options_.oom_kills) {
  options_.workers = std::max(options_.workers, 1U);
  options_.cpus = std::max(options_.cpus, 1U);
  slots_.resize(options_.workers);
  functions_hash_ = kNoNames;
  for (const std::string& name : options_.functions) functions_hash_ = hash_name(functions_hash_, name);
}

// The keeper ends when nothing is left, unless somebody has killed it.
Engine::~Engine() {
  keeper_.reset();
  wait_for_workers();
}

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
    busy = tell_actions() || busy;  // what it takes back is to be given out again
    busy = host_.on_turn() || busy;
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
  (void)host_.on_turn();
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

// A worker that has lost its claim word may sleep for ever with tasks that it was given: nobody would wake
// us.
bool Engine::catch_liars() {
  bool any = false;
  for (const auto& seat : seats_) {
    if (seat->idle() || seat->gone() || seat->lane.claim_is_possible() || seat->lane.outcomes_waiting())
      continue;
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
  const std::uint64_t until =
      now_ns() + static_cast<std::uint64_t>((always ? kLongSpin : kBriefSpin).count());
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
  // Short tasks are heard of when half of a lane is done, so that one wake serves many. But not later than
  // after kPatience: if one of them turned out long, the next sleep is to end with the next outcome.
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
  if (!due && !greeted && !catch_liars() && host_.may_sleep(plan_.input_wanted(kLowWater))) {
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
  if (const Instant start = command_limit_.next_start(); plan_.ready(TaskKind::Command) != 0 && start > now())
    consider(start);
  if (const Instant start = function_limit_.next_start();
      plan_.ready(TaskKind::Function) != 0 && start > now())
    consider(start);
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
          if (seat.kind == TaskKind::Function) (void)push_set_ups(seat);
          break;
        case CoordinatorLane::Greeting::WrongVersion:
          failure_ = Error{options_.worker_program +
                               " is of another version, or knows other functions than it said; install both "
                               "programs together",
                           {},
                           0};
          return true;
      }
    }
    if (!seat.idle()) any = drain(seat) || any;
  }
  return any;
}

// The plan's decisions: what concerns workers is done here, the rest is told.
bool Engine::tell_actions() {
  const bool any = !actions_.empty();
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
        end_handed_out(action);
      }
    }
    if (halting) stop_workers();
    host_.on_actions(turn);
  }
  return any;
}

unsigned Engine::running() const {
  return static_cast<unsigned>(std::count(slots_.begin(), slots_.end(), true));
}

std::vector<std::pair<TaskId, LaneProgress>> Engine::progress() const {
  std::vector<std::pair<TaskId, LaneProgress>> all;
  for (const auto& seat : seats_) {
    if (seat->idle() || seat->gone()) continue;
    const auto in_hand = seat->lane.in_hand();
    auto progress = seat->lane.progress();
    if (in_hand && progress && progress->hand == in_hand->hand)
      all.emplace_back(in_hand->task, std::move(*progress));
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
