// A naive model of the plan: keeps every task for ever and scans all of them at each event.
#pragma once

#include <algorithm>
#include <set>

#include "tests/runner/plan_testing.hpp"

namespace drover::plan_testing {

// The rules of plan.hpp, word for word and slowly.
class Model {
 public:
  struct Task {
    TaskKind kind;
    std::uint32_t group;
    std::uint32_t retries;
    std::vector<TaskId> after;
    bool alone;
    TaskState state = TaskState::Waiting;
    Attempt attempt = 1;
    TaskId because = 0;
    bool cancelling = false;
  };

  explicit Model(HaltPolicy halt) : halt_(halt) {}

  void add(const Task& task, Actions& actions) {
    tasks_.push_back(task);
    const TaskId id = tasks_.size();
    if (stop_ != 0) {
      end(id, TaskState::Cancelled, 0, actions);
      return;
    }
    for (const TaskId need : task.after) {
      if (need > id || !is_final(at(need).state) || at(need).state == TaskState::Succeeded) continue;
      mark_skipped(id, root(need), actions);
      spread_skips(id, root(need), actions);
      return;
    }
    settle();
  }

  void input_ended(Actions& actions) {
    ended_ = true;
    judge(0, actions);
  }

  std::optional<TaskRun> take(TaskKind kind, std::uint32_t most) {
    TaskRun run;
    for (TaskId id = 1; id <= tasks_.size() && run.count < most; ++id) {
      const Task& task = at(id);
      const bool fits = task.state == TaskState::Ready && task.kind == kind;
      if (run.count == 0) {
        if (fits) run = {id, 1, task.attempt, kind, task.group, task.alone};
      } else if (fits && !run.alone && !task.alone && task.group == run.group &&
                 task.attempt == run.attempt) {
        ++run.count;
      } else {
        break;
      }
    }
    if (run.count == 0) return std::nullopt;
    for (TaskId id = run.first; id < run.first + run.count; ++id) at(id).state = TaskState::HandedOut;
    return run;
  }

  bool put_back(TaskId first, std::uint32_t count, Attempt attempt, Actions& actions) {
    if (!handed_out(first, count, attempt)) return false;
    for (TaskId id = first; id < first + count; ++id) {
      if (stop_ != 0 || at(id).cancelling) {
        end(id, TaskState::Cancelled, at(id).attempt - 1, actions);
        spread_skips(id, id, actions);
      } else {
        at(id).state = TaskState::Ready;
      }
    }
    return true;
  }

  bool outcome(TaskId id, Attempt attempt, OutcomeKind kind, Actions& actions) {
    if (kind == OutcomeKind::Succeeded) return succeeded(id, 1, attempt, actions);
    if (!handed_out(id, 1, attempt)) return false;
    Task& task = at(id);
    const bool hopeless = kind == OutcomeKind::CouldNotStart || kind == OutcomeKind::Cancelled;
    if (!hopeless && stop_ == 0 && !task.cancelling && attempt < 1 + task.retries) {
      task.state = TaskState::Ready;
      actions.push_back(retry(id, ++task.attempt));
      return true;
    }
    end(id, kind == OutcomeKind::Cancelled ? TaskState::Cancelled : TaskState::Failed, attempt, actions);
    spread_skips(id, id, actions);
    judge(id, actions);
    return true;
  }

  bool succeeded(TaskId first, std::uint32_t count, Attempt attempt, Actions& actions) {
    if (!handed_out(first, count, attempt)) return false;
    for (TaskId id = first; id < first + count; ++id) at(id).state = TaskState::Succeeded;
    actions.push_back(plan_testing::succeeded(first, attempt, count));
    settle();
    judge(first + count - 1, actions);
    return true;
  }

  bool cancel(TaskId id, Actions& actions) {
    if (id == 0 || id > tasks_.size() || is_final(at(id).state)) return false;
    if (at(id).state == TaskState::HandedOut) {
      if (stop_ < 2 && !at(id).cancelling) actions.push_back(plan_testing::end(id, at(id).attempt));
      at(id).cancelling = true;
      return true;
    }
    end(id, TaskState::Cancelled, at(id).attempt - 1, actions);
    spread_skips(id, id, actions);
    return true;
  }

  void stop(int kind, Actions& actions) {
    if (stop_ >= kind) return;
    const bool first = stop_ == 0;
    stop_ = kind;
    Actions told;
    for (TaskId id = 1; first && id <= tasks_.size(); ++id) {
      if (at(id).state == TaskState::Waiting || at(id).state == TaskState::Ready) {
        end(id, TaskState::Cancelled, at(id).attempt - 1, told);
      }
    }
    for (TaskId id = 1; kind == 2 && id <= tasks_.size(); ++id) {
      if (at(id).state == TaskState::HandedOut && !at(id).cancelling) {
        told.push_back(plan_testing::end(id, at(id).attempt));
      }
    }
    for (const Action& action : told) {
      if (!actions.empty() && &action != told.data() && actions.back().kind == action.kind &&
          actions.back().task + actions.back().count == action.task &&
          actions.back().attempt == action.attempt) {
        ++actions.back().count;
      } else {
        actions.push_back(action);
      }
    }
  }

  [[nodiscard]] PlanCounts counts() const {
    PlanCounts c;
    for (const Task& task : tasks_) {
      ++c.total;
      c.waiting += task.state == TaskState::Waiting;
      c.ready += task.state == TaskState::Ready;
      c.handed_out += task.state == TaskState::HandedOut;
      c.succeeded += task.state == TaskState::Succeeded;
      c.failed += task.state == TaskState::Failed;
      c.skipped += task.state == TaskState::Skipped;
      c.cancelled += task.state == TaskState::Cancelled;
    }
    return c;
  }
  [[nodiscard]] bool over() const { return (ended_ || stop_ != 0) && counts().open() == 0; }
  [[nodiscard]] TaskState state(TaskId id) const { return tasks_[id - 1].state; }
  [[nodiscard]] Attempt attempt(TaskId id) const { return tasks_[id - 1].attempt; }
  [[nodiscard]] TaskId size() const { return tasks_.size(); }
  [[nodiscard]] bool stopping() const { return stop_ != 0; }

 private:
  Task& at(TaskId id) { return tasks_[id - 1]; }
  TaskId root(TaskId id) { return at(id).state == TaskState::Skipped ? at(id).because : id; }

  void end(TaskId id, TaskState state, Attempt attempts, Actions& actions) {
    at(id).state = state;
    actions.push_back({.kind = Action::Kind::Final, .state = state, .task = id, .attempt = attempts});
  }
  void mark_skipped(TaskId id, TaskId because, Actions& actions) {
    at(id).state = TaskState::Skipped;
    at(id).because = because;
    actions.push_back(skip(id, because));
  }
  bool handed_out(TaskId first, std::uint32_t count, Attempt attempt) {
    if (count == 0 || first == 0 || first + count - 1 > tasks_.size()) return false;
    for (TaskId id = first; id < first + count; ++id) {
      if (at(id).state != TaskState::HandedOut || at(id).attempt != attempt) return false;
    }
    return true;
  }
  // Whoever waits and has all its needs becomes ready.
  void settle() {
    for (Task& task : tasks_) {
      if (task.state != TaskState::Waiting) continue;
      const bool met = std::all_of(task.after.begin(), task.after.end(), [&](TaskId need) {
        return need <= tasks_.size() && at(need).state == TaskState::Succeeded;
      });
      if (met) task.state = TaskState::Ready;
    }
  }
  void spread_skips(TaskId ended, TaskId because, Actions& actions) {
    std::set<TaskId> gone = {ended};
    for (bool grown = true; grown;) {
      grown = false;
      for (TaskId id = 1; id <= tasks_.size(); ++id) {
        const auto& after = at(id).after;
        if (at(id).state != TaskState::Waiting || gone.contains(id)) continue;
        if (std::any_of(after.begin(), after.end(), [&](TaskId need) { return gone.contains(need); })) {
          gone.insert(id);
          grown = true;
        }
      }
    }
    for (const TaskId id : gone) {
      if (id != ended) mark_skipped(id, because, actions);
    }
  }
  void judge(TaskId because, Actions& actions) {
    const int kind = static_cast<int>(halt_.when);
    if (stop_ >= kind || halt_.count == 0) return;
    const PlanCounts c = counts();
    const std::uint64_t met = halt_.why == HaltPolicy::Why::Fail      ? c.failed
                              : halt_.why == HaltPolicy::Why::Success ? c.succeeded
                                                                      : c.failed + c.succeeded;
    bool fires = met >= halt_.count;
    if (halt_.percent) {
      const double share =
          ended_ ? static_cast<double>(c.total) : static_cast<double>(c.failed + c.succeeded);
      fires = static_cast<double>(met) * 100 >= static_cast<double>(halt_.count) * share && met != 0;
      if (!ended_ && (halt_.why != HaltPolicy::Why::Fail || met < 3)) fires = false;
    }
    if (!fires) return;
    actions.push_back(halt(because));
    stop(kind, actions);
  }

  HaltPolicy halt_;
  bool ended_ = false;
  int stop_ = 0;
  std::vector<Task> tasks_;
};

}  // namespace drover::plan_testing
