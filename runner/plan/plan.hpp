// The pure core: which task may start, what its outcome means, when the run is over. Events in, actions out:
// no system call, no clock, no thread. Knows nothing of workers, lanes, commands, delays before a retry or
// output; how many tasks a lane should hold is balance.hpp's.
//
// Every event appends what it caused to the caller's list of actions, in the order in which it should be
// told: what ended, what is skipped because of it (by id), a halt, what the halt took out of the run, what is
// to be ended. An event that cannot be true (an outcome of a task that is not handed out, or with another
// attempt's number) is refused without any change: returns false.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/ids.hpp"
#include "common/outcome.hpp"
#include "common/task.hpp"
#include "runner/plan/edge_pool.hpp"
#include "runner/plan/halt.hpp"
#include "runner/plan/ready_queue.hpp"
#include "runner/plan/task_state.hpp"
#include "runner/plan/task_table.hpp"

namespace drover {

struct PlanTask {
  TaskKind kind = TaskKind::Command;
  std::uint32_t group = 0;        // tasks of one group may share a run; few groups, they are kept for good
  std::uint32_t retries = 0;      // further attempts after the first
  std::span<const TaskId> after;  // tasks that must succeed first, earlier or later ones
  bool alone = false;             // never shares a run
};

// Consecutive tasks of one kind and group at the same attempt.
struct TaskRun {
  TaskId first = 0;
  std::uint32_t count = 0;
  Attempt attempt = 1;
  TaskKind kind = TaskKind::Command;
  std::uint32_t group = 0;
  bool alone = false;

  friend bool operator==(const TaskRun&, const TaskRun&) = default;
};

enum class StopKind : std::uint8_t { Soon = 1, Now = 2 };  // Soon: what runs may finish; Now: it is ended

struct Action {
  enum class Kind : std::uint8_t {
    Final,   // `count` tasks from `task` on are final as `state`, after `attempt` attempts (0: never begun)
    Retry,   // `task` failed and is ready again, as `attempt`
    Skip,    // `task` will never start because `because` did not succeed; final
    Cancel,  // end `count` tasks from `task` on, handed out as `attempt`; their outcomes are still due
    Halt,    // the halt rule stops the run; `because` completed it (0: the end of the input did)
  };

  Kind kind = Kind::Final;
  TaskState state = TaskState::Absent;  // Final, Skip
  std::uint32_t count = 1;
  TaskId task = 0;
  Attempt attempt = 0;
  TaskId because = 0;

  friend bool operator==(const Action&, const Action&) = default;
};

// What failed by itself is worth another attempt. A program that is missing will be missing again; who
// cancels does not want to see it again.
[[nodiscard]] constexpr bool may_retry(OutcomeKind kind) {
  return kind == OutcomeKind::Failed || kind == OutcomeKind::Signaled || kind == OutcomeKind::WorkerLost ||
         kind == OutcomeKind::TimedOut || kind == OutcomeKind::OutOfMemory;
}

class Plan {
 public:
  // Forgotten: no task may have needs, and nothing is kept of a finished task.
  explicit Plan(HaltPolicy halt = {}, FinalStates final_states = FinalStates::Kept)
      : halt_(halt), final_states_(final_states), tasks_(final_states) {}

  // Adds the next task, numbered 1, 2, 3 ... It is skipped at once when a task that it needs did not succeed,
  // and cancelled at once in a run that is being stopped. Later tasks that it needs must be added before
  // input_ended. Precondition: input_ended was not called; the needs form no circle.
  TaskId add(const PlanTask& task, std::vector<Action>& actions);
  // Adds `count` (at least 1) like tasks without needs, at little more than the cost of one; returns the
  // first one's number.
  TaskId add_run(std::uint32_t count, TaskKind kind, std::uint32_t group, std::uint32_t retries,
                 std::vector<Action>& actions);
  void input_ended(std::vector<Action>& actions);

  // Hands out the first ready tasks of this kind in file order (lowest id first), as many as may share a run,
  // at most `most`. The caller owes each one's outcome, or the task itself (put_back).
  [[nodiscard]] std::optional<TaskRun> take_ready(TaskKind kind, std::uint32_t most);
  // The run that take_ready would begin with, shorter or as long; hands out nothing.
  [[nodiscard]] std::optional<TaskRun> first_ready(TaskKind kind) const;

  // These were handed out and never begun: they are ready again, uncharged (cancelled in a run that is being
  // stopped, or if they were cancelled meanwhile). Only first, count and attempt are read; any part of a run
  // may come back.
  [[nodiscard]] bool put_back(const TaskRun& run, std::vector<Action>& actions);
  // Charges the attempt. Succeeded: final, and its followers may become ready. A failure with retries left:
  // Retry. Else final, and all that follow it, near and far, are skipped. In a run that is being stopped
  // nothing is retried.
  [[nodiscard]] bool on_outcome(TaskId task, Attempt attempt, OutcomeKind kind, std::vector<Action>& actions);
  // The same for a run of tasks that succeeded: one Final action for all.
  [[nodiscard]] bool on_succeeded(TaskId first, std::uint32_t count, Attempt attempt,
                                  std::vector<Action>& actions);

  // Takes one task out of the run: it is cancelled at once, and its followers are skipped; if it is handed
  // out it is to be ended (Cancel), and is not tried again whatever its outcome. False: it is final already,
  // or unknown.
  [[nodiscard]] bool cancel(TaskId task, std::vector<Action>& actions);
  // Nothing starts any more: all tasks that are not handed out are cancelled. Now asks to end the others,
  // also after an earlier Soon.
  void stop(StopKind kind, std::vector<Action>& actions);

  [[nodiscard]] PlanCounts counts() const { return tasks_.counts(); }
  [[nodiscard]] std::uint64_t ready(TaskKind kind) const { return queue(kind).size(); }
  [[nodiscard]] std::optional<StopKind> stopping() const { return stop_; }
  // No task is open and none can come any more.
  [[nodiscard]] bool over() const;
  // More tasks may be added, and fewer than this many are held that were not handed out.
  [[nodiscard]] bool input_wanted(std::uint64_t held_at_most) const;
  // None for a task that was not added, or that is final and forgotten.
  [[nodiscard]] std::optional<TaskState> state_of(TaskId task) const { return tasks_.state_of(task); }

  // Looks at everything; aborts if something does not fit. For tests.
  void check_invariants() const;

 private:
  // What tasks have in common.
  struct TaskClass {
    TaskKind kind;
    std::uint32_t group;
    std::uint32_t retries;
    bool alone;

    friend auto operator<=>(const TaskClass&, const TaskClass&) = default;
  };

  [[nodiscard]] ClassId class_id(TaskClass task_class);
  [[nodiscard]] const ReadyQueue& queue(TaskKind kind) const { return queues_[kind == TaskKind::Function]; }
  [[nodiscard]] ReadyQueue& queue(TaskKind kind) { return queues_[kind == TaskKind::Function]; }
  [[nodiscard]] bool share_run(ClassId a, ClassId b) const;
  [[nodiscard]] TaskRun run_of(const ReadyRun& ready) const;
  void make_ready(TaskPlace place);

  // 0, or the task that keeps one with these needs from ever starting.
  [[nodiscard]] TaskId doomed_by(std::span<const TaskId> after) const;
  [[nodiscard]] std::uint32_t wait_for(TaskId task, std::span<const TaskId> after);
  void release_followers(TaskPlace place);
  void skip_followers(TaskPlace place, TaskId because, std::vector<Action>& actions);

  void end_without_success(TaskPlace place, TaskState state, Attempt attempts, std::vector<Action>& actions);
  void end_cancelled(TaskPlace place, std::vector<Action>& actions);
  void judge_halt(TaskId because, std::vector<Action>& actions);
  void stop_tasks(StopKind kind, std::vector<Action>& actions);
  void cancel_unstarted(std::vector<Action>& actions);
  void ask_to_end(std::vector<Action>& actions);

  void check_ready() const;
  void check_edges() const;

  HaltPolicy halt_;
  FinalStates final_states_;
  bool input_ended_ = false;
  std::optional<StopKind> stop_;
  TaskTable tasks_;
  ReadyQueue queues_[2];  // Command, Function
  std::vector<TaskClass> classes_;
  std::map<TaskClass, ClassId> class_ids_;
  EdgePool edges_;
  std::unordered_map<TaskId, EdgePool::List> forward_;  // followers of tasks that are still to be added
  std::set<TaskId> cancelling_;                         // handed out and taken out of the run by cancel()
  std::vector<TaskPlace> pending_;                      // scratch of skip_followers
};

}  // namespace drover
