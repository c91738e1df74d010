// What the engine asks of whoever drives it (the command's run, an embedding program) and tells it. All calls
// come on the engine's thread, from inside Engine::run; none may block for long.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/lane_format.hpp"
#include "common/report.hpp"
#include "common/unique_fd.hpp"
#include "runner/plan/plan.hpp"

namespace drover {

// Memory that a task's arguments refer to. Its worker gets the descriptor once, before the first such task.
struct SharedPart {
  std::uint64_t id = 0;  // of this process, never used twice
  int fd = -1;           // writable or not, as the worker shall have it; lives as long as its tasks
  std::uint64_t size = 0;
  bool writable = false;
};

// A run of tasks, packed for its lane.
struct Shipment {
  std::uint32_t function = kNoFunction;
  // One string a task, or none at all. They must live until the next call of pack; `storage` is there to hold
  // them.
  std::vector<std::string_view> args;
  std::vector<std::string> storage;
  std::vector<SharedPart> shared;
  Duration timeout{
      0};  // of each attempt; 0: none. Commands are timed by their worker, the engine only backs it up.
  Duration grace{0};

  void clear() {
    function = kNoFunction;
    args.clear();
    shared.clear();
    timeout = grace = Duration(0);
  }
};

class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Adds tasks to the plan, a bounded number; called whenever the plan runs low. False: nothing to add just
  // now.
  virtual bool feed(Plan& plan, std::vector<Action>& actions) = 0;
  // False: start nothing new (the output is full). The host rings (Engine::nudge) when that is over.
  virtual bool may_start() = 0;
  virtual void pack(const TaskRun& run, SlotNumber slot, Shipment& shipment) = 0;

  // An attempt was given to a worker and begins as soon as that is free.
  virtual void on_given(TaskId task, Attempt attempt, SlotNumber slot) = 0;
  virtual void on_live(TaskId task, UniqueFd out, UniqueFd err) = 0;
  virtual void on_grown(TaskId task, std::uint64_t out_size, std::uint64_t err_size) = 0;
  // An attempt has ended. `retried`: another one follows.
  virtual void on_report(TaskId task, Attempt attempt, Report& report, bool retried) = 0;
  // These succeeded and had nothing to say.
  virtual void on_quiet_success(TaskId first, std::uint32_t count, Attempt attempt) = 0;
  // A function succeeded and returned this, and printed nothing. Comes before the plan hears of it. `result`
  // lives until the call returns.
  virtual void on_result(TaskId task, Attempt attempt, std::uint64_t wall_ns, std::string_view result) {
    Report report;
    report.outcome.wall_ns = wall_ns;
    report.out.head.assign(result);
    report.out.size = result.size();
    on_report(task, attempt, report, false);
  }
  // What the plan decided beyond the attempts reported: skipped, cancelled and halted. Reports come first.
  virtual void on_actions(const std::vector<Action>& actions) = 0;
  // Something that people should know: a worker was replaced, the keeper died. One line.
  virtual void on_notice(std::string text) = 0;

  // A worker has run, or failed to run, a function that each worker runs first (Engine::set_up).
  virtual void on_set_up(std::uint32_t /*number*/, Report& /*report*/) {}
  // These workers have nothing more to do with it: it was run by all that there are.
  virtual void on_set_up_done(std::uint32_t /*number*/) {}

  // After each turn of the loop: what was told is told.
  // True: there is more to do, do not sleep.
  virtual bool on_turn() { return false; }
  // The engine is about to sleep; it takes no tasks until it wakes if `wants_input` is false. False: there is
  // something to do, do not sleep.
  virtual bool may_sleep(bool /*wants_input*/) { return true; }

  // When tick wants to be called; none: never.
  virtual std::optional<Instant> next_wake() = 0;
  virtual void tick(Instant now) = 0;
};

}  // namespace drover
