// Plan: what must be true between two events.
#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/check.hpp"
#include "runner/plan/plan.hpp"

namespace drover {

void Plan::check_invariants() const {
  tasks_.check_invariants();
  const PlanCounts now = counts();
  if (stop_) DROVER_CHECK(now.waiting == 0 && now.ready == 0);
  check_ready();
  check_edges();
  for (const TaskId id : cancelling_) DROVER_CHECK(tasks_.state_of(id) == TaskState::HandedOut);
}

// What is queued is exactly what is Ready, once, as its record says.
void Plan::check_ready() const {
  std::unordered_map<TaskId, std::pair<Attempt, ClassId>> records;
  tasks_.for_each_block([&](const TaskBlock& block) {
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      if (block.states[slot] != TaskState::Ready) continue;
      records[block.first + slot] = {block.attempt(slot), block.class_of(slot)};
    }
  });
  for (const TaskKind kind : {TaskKind::Command, TaskKind::Function}) {
    std::uint64_t size = 0;
    queue(kind).for_each([&](const ReadyRun& run) {
      DROVER_CHECK(run.count != 0 && classes_[run.cls].kind == kind);
      for (TaskId id = run.first; id < run.first + run.count; ++id) {
        const auto record = records.find(id);
        DROVER_CHECK(record != records.end() && record->second == std::pair(run.attempt, run.cls));
        records.erase(record);
      }
      size += run.count;
    });
    DROVER_CHECK(size == queue(kind).size());
  }
  DROVER_CHECK(records.empty());
}

// Who waits, waits for as many edges as lead to it; who is final has nobody waiting for it.
void Plan::check_edges() const {
  std::unordered_map<TaskId, std::uint32_t> needs;
  std::uint64_t edges = 0;
  const auto note = [&](TaskId follower) {
    ++needs[follower];
    ++edges;
  };
  tasks_.for_each_block([&](const TaskBlock& block) {
    if (!block.links) return;
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      const EdgePool::List followers = block.links->followers[slot];
      DROVER_CHECK(followers == 0 || !is_final(block.states[slot]));
      edges_.for_each(followers, note);
    }
  });
  for (const auto& [id, followers] : forward_) {
    DROVER_CHECK(id > tasks_.last() && followers != 0);
    edges_.for_each(followers, note);
  }
  DROVER_CHECK(edges == edges_.size());
  tasks_.for_each_block([&](const TaskBlock& block) {
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      if (block.states[slot] != TaskState::Waiting) continue;
      const auto found = needs.find(block.first + slot);
      DROVER_CHECK(found != needs.end() && block.links && block.links->open_needs[slot] == found->second);
    }
  });
}

}  // namespace drover
