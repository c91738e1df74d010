// Plan: tasks that end without success, and what ends the whole run early.
#include "runner/plan/plan.hpp"

namespace drover {
namespace {

// Adds one task to the action before it when both say the same of neighbours.
void tell_range(std::vector<Action>& actions, std::size_t told, const Action& action) {
  if (actions.size() > told) {
    Action& last = actions.back();
    if (last.task + last.count == action.task && last.attempt == action.attempt && last.count != UINT32_MAX) {
      ++last.count;
      return;
    }
  }
  actions.push_back(action);
}

// Of one that is not handed out: how many attempts of it have ended.
Attempt attempts_before(TaskPlace place) {
  return place.block->attempt(place.slot) - 1;
}

}  // namespace

void Plan::end_without_success(TaskPlace place, TaskState state, Attempt attempts,
                               std::vector<Action>& actions) {
  const TaskId id = place.id();
  actions.push_back({.kind = Action::Kind::Final, .state = state, .task = id, .attempt = attempts});
  tasks_.set_state(place, state);
  if (!cancelling_.empty()) cancelling_.erase(id);
  if (edges_.size() != 0) skip_followers(place, id, actions);
}

// Was never begun at this attempt, and is out of its queue.
void Plan::end_cancelled(TaskPlace place, std::vector<Action>& actions) {
  end_without_success(place, TaskState::Cancelled, attempts_before(place), actions);
}

void Plan::judge_halt(TaskId because, std::vector<Action>& actions) {
  if (halt_.when == HaltPolicy::When::Never) return;
  const StopKind kind = halt_.when == HaltPolicy::When::Now ? StopKind::Now : StopKind::Soon;
  if ((stop_ && *stop_ >= kind) || !halt_fires(halt_, counts(), input_ended_)) return;
  actions.push_back({.kind = Action::Kind::Halt, .because = because});
  stop_tasks(kind, actions);
}

void Plan::stop_tasks(StopKind kind, std::vector<Action>& actions) {
  if (stop_ && *stop_ >= kind) return;
  const bool first = !stop_;
  stop_ = kind;
  if (first) cancel_unstarted(actions);
  if (kind == StopKind::Now) ask_to_end(actions);
}

void Plan::cancel_unstarted(std::vector<Action>& actions) {
  for (ReadyQueue& queue : queues_) queue.clear();
  edges_.clear();
  forward_.clear();
  const std::size_t told = actions.size();
  tasks_.for_each_block([&](TaskBlock& block) {
    block.links.reset();
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      const TaskPlace place{&block, slot};
      if (place.state() != TaskState::Waiting && place.state() != TaskState::Ready) continue;
      tasks_.set_state(place, TaskState::Cancelled);
      tell_range(actions, told,
                 {.kind = Action::Kind::Final,
                  .state = TaskState::Cancelled,
                  .task = place.id(),
                  .attempt = attempts_before(place)});
    }
  });
}

void Plan::ask_to_end(std::vector<Action>& actions) {
  const std::size_t told = actions.size();
  tasks_.for_each_block([&](TaskBlock& block) {
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      const TaskPlace place{&block, slot};
      if (place.state() != TaskState::HandedOut || cancelling_.contains(place.id())) continue;
      tell_range(actions, told,
                 {.kind = Action::Kind::Cancel, .task = place.id(), .attempt = block.attempt(slot)});
    }
  });
}

}  // namespace drover
