// No-op functions through the whole engine: plan, dispatch, lane, worker and back. The host has nothing else
// to do.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/function_names.hpp"
#include "runner/pool/cpus.hpp"
#include "runner/pool/engine.hpp"
#include "tests/bench/ours.hpp"

namespace drover::bench {
namespace {

// The functions that drover-worker has built in, sorted; noop is the second.
const std::vector<std::string> kFunctions = {"count_primes", "noop"};
constexpr std::uint32_t kNoop = 1;

void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

class NoopHost final : public EngineHost {
 public:
  bool feed(Plan& plan, std::vector<Action>& actions) override {
    return feeder ? feeder(plan, actions) : false;
  }
  bool may_start() override { return true; }
  void pack(const TaskRun&, SlotNumber, Shipment& shipment) override { shipment.function = kNoop; }
  void on_given(TaskId, Attempt, SlotNumber) override {}
  void on_live(TaskId, UniqueFd, UniqueFd) override {}
  void on_grown(TaskId, std::uint64_t, std::uint64_t) override {}
  void on_report(TaskId, Attempt, Report&, bool) override {
    throw std::runtime_error("a no-op had something to say");
  }
  void on_quiet_success(TaskId, std::uint32_t count, Attempt) override { done += count; }
  void on_actions(const std::vector<Action>&) override {}
  void on_notice(std::string text) override { throw std::runtime_error(text); }
  std::optional<Instant> next_wake() override { return std::nullopt; }
  void tick(Instant) override {}

  std::function<bool(Plan&, std::vector<Action>&)> feeder;
  std::uint64_t done = 0;
};

EngineOptions options(unsigned workers) {
  const std::string drover = drover_path();
  if (drover.empty()) throw std::runtime_error("drover is not there");
  EngineOptions made;
  made.workers = workers;
  made.cpus = usable_cpus();
  made.worker_program = drover + "-worker";
  made.functions = kFunctions;
  return made;
}

}  // namespace

double drover_noop_per_second(unsigned workers, unsigned chunk) {
  constexpr std::uint32_t kWarm = 20'000;
  const std::uint32_t tasks = chunk == 1 ? 2'000'000 : 8'000'000;
  EngineOptions made = options(workers);
  made.most_in_entry = chunk;
  Plan plan({}, FinalStates::Forgotten);
  NoopHost host;
  std::uint64_t begun = 0;
  // All workers are started and have done something before the clock starts.
  host.feeder = [&](Plan& into, std::vector<Action>& actions) {
    const std::uint64_t total = into.counts().total;
    if (total == 0) {
      into.add_run(kWarm, TaskKind::Function, 0, 0, actions);
      return true;
    }
    if (host.done < kWarm) return false;
    if (begun == 0) begun = now_ns();
    if (chunk != 1) {
      into.add_run(tasks, TaskKind::Function, 0, 0, actions);
    } else {  // submitted one by one, as the peers' tasks are
      for (std::uint32_t i = 0; i < kLowWater * 2 && into.counts().total < kWarm + tasks; ++i)
        into.add({.kind = TaskKind::Function}, actions);
      if (into.counts().total < kWarm + tasks) return true;
    }
    into.input_ended(actions);
    return true;
  };
  auto engine = Engine::start(made, plan, host);
  if (!engine) throw std::runtime_error(engine.error().text());
  if (auto ended = engine.value()->run(); !ended) throw std::runtime_error(ended.error().text());
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;
  if (host.done != kWarm + tasks) throw std::runtime_error("tasks are missing");
  return tasks / seconds;
}

LatencySample drover_round_trip(int coordinator_cpu, int worker_cpu, bool spin) {
  constexpr std::size_t kWarm = 500;
  constexpr std::size_t kTrips = 5'000;
  EngineOptions made = options(1);
  made.spin = spin ? EngineOptions::Spin::Always : EngineOptions::Spin::Off;  // a sleeper next to a sleeper
  Plan plan({}, FinalStates::Forgotten);
  NoopHost host;
  std::vector<std::uint64_t> trips;
  trips.reserve(kTrips);
  std::uint64_t sent = 0, begun = 0;
  Engine* running = nullptr;
  host.feeder = [&](Plan& into, std::vector<Action>& actions) {
    if (host.done != sent) return false;  // one at a time
    const std::uint64_t at = now_ns();
    if (sent == 1) {
      for (const pid_t pid : running->worker_pids()) {
        if (worker_cpu < 0) continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<unsigned>(worker_cpu), &set);
        ::sched_setaffinity(pid, sizeof set, &set);
      }
      pin(coordinator_cpu);
    }
    if (sent > kWarm) trips.push_back(at - begun);
    if (trips.size() == kTrips) {
      into.input_ended(actions);
      return true;
    }
    ++sent;
    begun = now_ns();
    into.add_run(1, TaskKind::Function, 0, 0, actions);
    return true;
  };
  auto engine = Engine::start(made, plan, host);
  if (!engine) throw std::runtime_error(engine.error().text());
  running = engine.value().get();
  if (auto ended = running->run(); !ended) throw std::runtime_error(ended.error().text());
  return latency_of(std::move(trips));
}

}  // namespace drover::bench
