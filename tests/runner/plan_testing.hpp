// What the plan's tests share: a plan with its list of actions, short names for actions, and words for both.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runner/plan/plan.hpp"

namespace drover {

inline std::ostream& operator<<(std::ostream& out, const Action& action) {
  static constexpr const char* kKinds[] = {"final", "retry", "skip", "cancel", "halt"};
  static constexpr const char* kStates[] = {"absent",    "waiting", "ready",   "handed out",
                                            "succeeded", "failed",  "skipped", "cancelled"};
  out << kKinds[static_cast<int>(action.kind)] << ' ' << action.task;
  if (action.count != 1) out << '*' << action.count;
  if (action.state != TaskState::Absent) out << ' ' << kStates[static_cast<int>(action.state)];
  if (action.attempt != 0) out << " attempt " << action.attempt;
  if (action.because != 0) out << " because of " << action.because;
  return out;
}

inline std::ostream& operator<<(std::ostream& out, const std::vector<Action>& actions) {
  for (const Action& action : actions) out << "\n  " << action;
  return out;
}

inline std::ostream& operator<<(std::ostream& out, const TaskRun& run) {
  return out << run.first << '*' << run.count << " attempt " << run.attempt << " group " << run.group
             << (run.kind == TaskKind::Function ? " function" : " command") << (run.alone ? " alone" : "");
}

inline std::ostream& operator<<(std::ostream& out, const PlanCounts& c) {
  return out << "total " << c.total << ": waiting " << c.waiting << " ready " << c.ready << " handed out "
             << c.handed_out << " succeeded " << c.succeeded << " failed " << c.failed << " skipped "
             << c.skipped << " cancelled " << c.cancelled;
}

namespace plan_testing {

using Actions = std::vector<Action>;

inline Action succeeded(TaskId task, Attempt attempt = 1, std::uint32_t count = 1) {
  return {.kind = Action::Kind::Final,
          .state = TaskState::Succeeded,
          .count = count,
          .task = task,
          .attempt = attempt};
}
inline Action failed(TaskId task, Attempt attempt = 1) {
  return {.kind = Action::Kind::Final, .state = TaskState::Failed, .task = task, .attempt = attempt};
}
// Cancelled after so many attempts.
inline Action cancelled(TaskId task, Attempt attempts = 0, std::uint32_t count = 1) {
  return {.kind = Action::Kind::Final,
          .state = TaskState::Cancelled,
          .count = count,
          .task = task,
          .attempt = attempts};
}
inline Action retry(TaskId task, Attempt attempt) {
  return {.kind = Action::Kind::Retry, .task = task, .attempt = attempt};
}
inline Action skip(TaskId task, TaskId because) {
  return {.kind = Action::Kind::Skip, .state = TaskState::Skipped, .task = task, .because = because};
}
inline Action end(TaskId task, Attempt attempt = 1, std::uint32_t count = 1) {
  return {.kind = Action::Kind::Cancel, .count = count, .task = task, .attempt = attempt};
}
inline Action halt(TaskId because) {
  return {.kind = Action::Kind::Halt, .because = because};
}

// Commands of group 0 unless it says otherwise. Each step checks the invariants.
struct TestPlan {
  explicit TestPlan(HaltPolicy halt = {}, FinalStates final_states = FinalStates::Kept)
      : plan(halt, final_states) {}

  // What was told since the last call.
  Actions told() {
    plan.check_invariants();
    return std::exchange(actions, {});
  }

  TaskId add(std::initializer_list<TaskId> after = {}, std::uint32_t retries = 0) {
    return plan.add({.retries = retries, .after = std::span(after.begin(), after.size())}, actions);
  }
  TaskId add_many(std::uint32_t count, std::uint32_t retries = 0) {
    return plan.add_run(count, TaskKind::Command, 0, retries, actions);
  }
  void end_input() { plan.input_ended(actions); }

  TaskRun take(std::uint32_t most = 1) {
    const std::optional<TaskRun> run = plan.take_ready(TaskKind::Command, most);
    REQUIRE(run);
    return *run;
  }
  // "1*3 4@2": first*count@attempt of each run, until nothing is ready or this many are taken.
  std::string take_all(std::uint32_t most_in_run, TaskKind kind = TaskKind::Command) {
    std::string out;
    while (const std::optional<TaskRun> run = plan.take_ready(kind, most_in_run)) {
      if (!out.empty()) out += ' ';
      out += std::to_string(run->first);
      if (run->count != 1) out += '*' + std::to_string(run->count);
      if (run->attempt != 1) out += '@' + std::to_string(run->attempt);
    }
    plan.check_invariants();
    return out;
  }
  bool outcome(TaskId task, OutcomeKind kind, Attempt attempt = 1) {
    return plan.on_outcome(task, attempt, kind, actions);
  }
  void succeed(TaskId task, Attempt attempt = 1) { REQUIRE(outcome(task, OutcomeKind::Succeeded, attempt)); }
  void fail(TaskId task, Attempt attempt = 1) { REQUIRE(outcome(task, OutcomeKind::Failed, attempt)); }

  Plan plan;
  Actions actions;
};

}  // namespace plan_testing
}  // namespace drover
