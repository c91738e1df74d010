#include "runner/plan/plan.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace drover {

TaskId Plan::add(const PlanTask& task, std::vector<Action>& actions) {
  DROVER_CHECK(!input_ended_);
  DROVER_CHECK(task.after.empty() || final_states_ == FinalStates::Kept);
  const TaskId id = tasks_.append(1, class_id({task.kind, task.group, task.retries, task.alone}));
  const TaskPlace place = tasks_.find(id);
  if (stop_) {
    tasks_.set_state(place, TaskState::Cancelled);
    actions.push_back({.kind = Action::Kind::Final, .state = TaskState::Cancelled, .task = id});
    tasks_.free_closed();
    return id;
  }
  if (!forward_.empty()) {
    if (const auto waiting_for_it = forward_.find(id); waiting_for_it != forward_.end()) {
      place.block->make_links().followers[place.slot] = waiting_for_it->second;
      forward_.erase(waiting_for_it);
    }
  }
  if (const TaskId because = doomed_by(task.after); because != 0) {
    tasks_.set_state(place, TaskState::Skipped);
    place.block->set_because(place.slot, because);
    actions.push_back(
        {.kind = Action::Kind::Skip, .state = TaskState::Skipped, .task = id, .because = because});
    skip_followers(place, because, actions);
    tasks_.free_closed();
  } else if (const std::uint32_t open = wait_for(id, task.after); open != 0) {
    place.block->make_links().open_needs[place.slot] = open;
    tasks_.set_state(place, TaskState::Waiting);
  } else {
    tasks_.set_state(place, TaskState::Ready);
    queue(task.kind).append({.first = id, .count = 1, .cls = place.block->class_of(place.slot)});
  }
  return id;
}

TaskId Plan::add_run(std::uint32_t count, TaskKind kind, std::uint32_t group, std::uint32_t retries,
                     std::vector<Action>& actions) {
  DROVER_CHECK(!input_ended_ && count != 0);
  if (!forward_.empty()) {  // an earlier task may need one of these
    const TaskId first = tasks_.last() + 1;
    for (std::uint32_t i = 0; i < count; ++i)
      add({.kind = kind, .group = group, .retries = retries}, actions);
    return first;
  }
  const ClassId cls = class_id({kind, group, retries, false});
  const TaskId first = tasks_.append(count, cls);
  if (stop_) {
    tasks_.set_states(first, count, TaskState::Absent, TaskState::Cancelled);
    actions.push_back(
        {.kind = Action::Kind::Final, .state = TaskState::Cancelled, .count = count, .task = first});
    tasks_.free_closed();
  } else {
    tasks_.set_states(first, count, TaskState::Absent, TaskState::Ready);
    queue(kind).append({.first = first, .count = count, .cls = cls});
  }
  return first;
}

void Plan::input_ended(std::vector<Action>& actions) {
  DROVER_CHECK(!input_ended_);
  DROVER_CHECK(forward_.empty());
  input_ended_ = true;
  judge_halt(0, actions);
  tasks_.free_closed();
}

std::optional<TaskRun> Plan::take_ready(TaskKind kind, std::uint32_t most) {
  ReadyQueue& ready = queue(kind);
  const ReadyRun* next = ready.front();
  if (!next || most == 0) return std::nullopt;
  const ClassId cls = next->cls;
  TaskRun run = run_of(ready.take(classes_[cls].alone ? 1 : most));
  while (run.count < most) {
    next = ready.front();
    if (!next || next->first != run.first + run.count || next->attempt != run.attempt ||
        !share_run(cls, next->cls)) {
      break;
    }
    run.count += ready.take(most - run.count).count;
  }
  tasks_.set_states(run.first, run.count, TaskState::Ready, TaskState::HandedOut);
  return run;
}

std::optional<TaskRun> Plan::first_ready(TaskKind kind) const {
  const ReadyRun* next = queue(kind).front();
  if (!next) return std::nullopt;
  TaskRun run = run_of(*next);
  if (run.alone) run.count = 1;
  return run;
}

bool Plan::put_back(const TaskRun& run, std::vector<Action>& actions) {
  if (run.count == 0 || !tasks_.all_are(run.first, run.count, TaskState::HandedOut, run.attempt))
    return false;
  if (!stop_ && cancelling_.empty()) {
    tasks_.set_states(run.first, run.count, TaskState::HandedOut, TaskState::Ready);
    ReadyRun part{.attempt = run.attempt};
    for (TaskId id = run.first; id < run.first + run.count; ++id) {
      const TaskPlace place = tasks_.find(id);
      const ClassId cls = place.block->class_of(place.slot);
      if (part.count != 0 && part.cls == cls) {
        ++part.count;
        continue;
      }
      if (part.count != 0) queue(classes_[part.cls].kind).insert(part);
      part = {.first = id, .count = 1, .attempt = run.attempt, .cls = cls};
    }
    queue(classes_[part.cls].kind).insert(part);
    return true;
  }
  for (TaskId id = run.first; id < run.first + run.count; ++id) {
    const TaskPlace place = tasks_.find(id);
    if (stop_ || cancelling_.contains(id)) {
      end_cancelled(place, actions);
    } else {
      tasks_.set_state(place, TaskState::Ready);
      make_ready(place);
    }
  }
  tasks_.free_closed();
  return true;
}

bool Plan::on_outcome(TaskId task, Attempt attempt, OutcomeKind kind, std::vector<Action>& actions) {
  if (static_cast<std::uint8_t>(kind) > kLastOutcomeKind) return false;
  if (kind == OutcomeKind::Succeeded) return on_succeeded(task, 1, attempt, actions);
  const TaskPlace place = tasks_.find(task);
  if (!place || place.state() != TaskState::HandedOut || place.block->attempt(place.slot) != attempt)
    return false;

  const bool wanted = !stop_ && (cancelling_.empty() || !cancelling_.contains(task));
  const std::uint32_t retries = classes_[place.block->class_of(place.slot)].retries;
  if (wanted && may_retry(kind) && attempt <= retries) {
    place.block->set_attempt(place.slot, attempt + 1);
    tasks_.set_state(place, TaskState::Ready);
    make_ready(place);
    actions.push_back({.kind = Action::Kind::Retry, .task = task, .attempt = attempt + 1});
    return true;
  }
  const bool cancelled = kind == OutcomeKind::Cancelled;
  end_without_success(place, cancelled ? TaskState::Cancelled : TaskState::Failed, attempt, actions);
  judge_halt(task, actions);
  tasks_.free_closed();
  return true;
}

bool Plan::on_succeeded(TaskId first, std::uint32_t count, Attempt attempt, std::vector<Action>& actions) {
  if (count == 0 || !tasks_.all_are(first, count, TaskState::HandedOut, attempt)) return false;
  tasks_.set_states(first, count, TaskState::HandedOut, TaskState::Succeeded);
  actions.push_back({.kind = Action::Kind::Final,
                     .state = TaskState::Succeeded,
                     .count = count,
                     .task = first,
                     .attempt = attempt});
  if (!cancelling_.empty()) {
    cancelling_.erase(cancelling_.lower_bound(first), cancelling_.lower_bound(first + count));
  }
  if (edges_.size() != 0) {
    for (TaskId id = first; id < first + count; ++id) release_followers(tasks_.find(id));
  }
  judge_halt(first + count - 1, actions);
  tasks_.free_closed();
  return true;
}

bool Plan::cancel(TaskId task, std::vector<Action>& actions) {
  const TaskPlace place = tasks_.find(task);
  if (!place || place.state() == TaskState::Absent || is_final(place.state())) return false;
  if (place.state() == TaskState::HandedOut) {
    // Once is enough; a stop of everything has asked already.
    if (stop_ != StopKind::Now && cancelling_.insert(task).second) {
      actions.push_back(
          {.kind = Action::Kind::Cancel, .task = task, .attempt = place.block->attempt(place.slot)});
    }
    return true;
  }
  if (place.state() == TaskState::Ready) {
    queue(classes_[place.block->class_of(place.slot)].kind).remove(task);
  }
  end_cancelled(place, actions);
  tasks_.free_closed();
  return true;
}

void Plan::stop(StopKind kind, std::vector<Action>& actions) {
  stop_tasks(kind, actions);
  tasks_.free_closed();
}

bool Plan::over() const {
  const PlanCounts now = counts();
  // Tasks that wait for each other in a circle would be waited for without end.
  DROVER_CHECK(!input_ended_ || now.waiting == 0 || now.ready + now.handed_out != 0);
  return (input_ended_ || stop_) && now.open() == 0;
}

bool Plan::input_wanted(std::uint64_t held_at_most) const {
  return !input_ended_ && !stop_ &&
         tasks_.count(TaskState::Waiting) + tasks_.count(TaskState::Ready) < held_at_most;
}

ClassId Plan::class_id(TaskClass task_class) {
  task_class.retries = std::min(task_class.retries, UINT32_MAX - 1);  // the last attempt is retries + 1
  if (!classes_.empty() && classes_.back() == task_class) return static_cast<ClassId>(classes_.size() - 1);
  const auto [found, added] = class_ids_.try_emplace(task_class, static_cast<ClassId>(classes_.size()));
  if (added) classes_.push_back(task_class);
  return found->second;
}

bool Plan::share_run(ClassId a, ClassId b) const {
  return classes_[a].group == classes_[b].group && !classes_[a].alone && !classes_[b].alone;
}

TaskRun Plan::run_of(const ReadyRun& ready) const {
  const TaskClass& task_class = classes_[ready.cls];
  return {.first = ready.first,
          .count = ready.count,
          .attempt = ready.attempt,
          .kind = task_class.kind,
          .group = task_class.group,
          .alone = task_class.alone};
}

void Plan::make_ready(TaskPlace place) {
  const ClassId cls = place.block->class_of(place.slot);
  queue(classes_[cls].kind)
      .insert({.first = place.id(), .count = 1, .attempt = place.block->attempt(place.slot), .cls = cls});
}

}  // namespace drover
