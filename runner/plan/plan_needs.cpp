// Plan: what a task's end means to the tasks that need it.
#include <algorithm>

#include "common/check.hpp"
#include "runner/plan/plan.hpp"

namespace drover {

TaskId Plan::doomed_by(std::span<const TaskId> after) const {
  for (const TaskId need : after) {
    const std::optional<TaskState> state = tasks_.state_of(need);
    if (state && is_final(*state) && *state != TaskState::Succeeded) return tasks_.root_of(need);
  }
  return 0;
}

std::uint32_t Plan::wait_for(TaskId task, std::span<const TaskId> after) {
  std::uint32_t open = 0;
  for (const TaskId need : after) {
    DROVER_CHECK(need != 0 && need != task);
    if (need > task) {
      edges_.push(forward_[need], task);
    } else {
      const TaskPlace place = tasks_.find(need);
      if (!place || place.state() == TaskState::Succeeded) continue;
      edges_.push(place.block->make_links().followers[place.slot], task);
    }
    ++open;
  }
  return open;
}

void Plan::release_followers(TaskPlace place) {
  if (!place.block->links) return;
  EdgePool::List& followers = place.block->links->followers[place.slot];
  while (followers != 0) {
    const TaskPlace follower = tasks_.find(edges_.pop(followers));
    if (!follower || follower.state() != TaskState::Waiting) continue;  // skipped or cancelled meanwhile
    if (--follower.block->links->open_needs[follower.slot] != 0) continue;
    tasks_.set_state(follower, TaskState::Ready);
    make_ready(follower);
  }
}

void Plan::skip_followers(TaskPlace place, TaskId because, std::vector<Action>& actions) {
  const std::size_t told = actions.size();
  pending_.assign(1, place);
  while (!pending_.empty()) {
    const TaskPlace ended = pending_.back();
    pending_.pop_back();
    if (!ended.block->links) continue;
    EdgePool::List& followers = ended.block->links->followers[ended.slot];
    while (followers != 0) {
      const TaskPlace follower = tasks_.find(edges_.pop(followers));
      if (!follower || follower.state() != TaskState::Waiting) continue;
      tasks_.set_state(follower, TaskState::Skipped);
      follower.block->set_because(follower.slot, because);
      actions.push_back({.kind = Action::Kind::Skip,
                         .state = TaskState::Skipped,
                         .task = follower.id(),
                         .because = because});
      pending_.push_back(follower);
    }
  }
  std::sort(actions.begin() + static_cast<std::ptrdiff_t>(told), actions.end(),
            [](const Action& a, const Action& b) { return a.task < b.task; });
}

}  // namespace drover
