// The records of the tasks that are not final yet: state, attempt, class and links of each, in blocks of
// 1,024 which are freed as soon as all their tasks are final. All changes of state pass through set_state and
// its twin for runs. Knows nothing of the order in which tasks start, of retries or of what a state means to
// other tasks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/check.hpp"
#include "common/ids.hpp"
#include "runner/plan/edge_pool.hpp"
#include "runner/plan/task_state.hpp"

namespace drover {

inline constexpr std::uint32_t kBlockTasks = 1024;

using ClassId = std::uint32_t;  // index of what tasks have in common, see Plan

// Whether the final states of freed blocks are remembered (a byte a task, in blocks where not all succeeded).
enum class FinalStates : std::uint8_t { Kept, Forgotten };

struct TaskBlock {
  struct Links {
    std::array<std::uint32_t, kBlockTasks> open_needs{};  // edges that lead here
    std::array<EdgePool::List, kBlockTasks> followers{};  // edges that start here
  };

  TaskId first = 0;
  std::uint32_t open = kBlockTasks;  // tasks that are not final, or not added yet
  ClassId first_class = 0;           // the class of all, unless `classes` is there
  bool all_succeeded = true;         // all final ones
  std::array<TaskState, kBlockTasks> states{};
  // What only some blocks need is made when first needed.
  std::unique_ptr<ClassId[]> classes;
  std::unique_ptr<Attempt[]> attempts;  // the attempt to be begun or in hand; none: all are at their first
  std::unique_ptr<Links> links;
  std::unique_ptr<TaskId[]> because;  // of skipped tasks: the one that did not succeed

  [[nodiscard]] ClassId class_of(std::uint32_t slot) const { return classes ? classes[slot] : first_class; }
  [[nodiscard]] Attempt attempt(std::uint32_t slot) const { return attempts ? attempts[slot] : 1; }
  void set_attempt(std::uint32_t slot, Attempt attempt);
  void set_because(std::uint32_t slot, TaskId task);
  [[nodiscard]] Links& make_links();
};

// A task's record. Valid until free_closed.
struct TaskPlace {
  TaskBlock* block = nullptr;  // null: final and freed, or never added
  std::uint32_t slot = 0;

  explicit operator bool() const { return block != nullptr; }
  [[nodiscard]] TaskState state() const { return block->states[slot]; }
  [[nodiscard]] TaskId id() const { return block->first + slot; }
};

class TaskTable {
 public:
  explicit TaskTable(FinalStates final_states) : final_states_(final_states) {}

  // Adds Absent tasks, numbered on; returns the first one's number. The caller gives each a state at once.
  TaskId append(std::uint32_t count, ClassId cls);

  [[nodiscard]] TaskId last() const { return last_; }
  [[nodiscard]] TaskPlace find(TaskId id) {
    const std::uint64_t index =
        (id - 1) / kBlockTasks - base_;  // id 0 and freed blocks wrap to something huge
    if (index >= blocks_.size()) return {};
    return {blocks_[index].get(), static_cast<std::uint32_t>((id - 1) % kBlockTasks)};
  }
  // None for what is not added, or final and forgotten.
  [[nodiscard]] std::optional<TaskState> state_of(TaskId id) const;
  // For a skipped task the one that did not succeed, else the task itself.
  [[nodiscard]] TaskId root_of(TaskId id) const;

  // Whether all of first .. first + count - 1 are in this state and at this attempt.
  [[nodiscard]] bool all_are(TaskId first, std::uint32_t count, TaskState state, Attempt attempt) const;

  // The door. Precondition: may_become(now, to).
  void set_state(TaskPlace place, TaskState to) {
    TaskState& state = place.block->states[place.slot];
    DROVER_CHECK(may_become(state, to));
    count_change(*place.block, state, to, 1);
    state = to;
  }
  // Its twin for a run. Precondition: all are in state `from`, and may_become(from, to).
  void set_states(TaskId first, std::uint32_t count, TaskState from, TaskState to);

  // Frees the blocks whose last task became final since the last call: the end of each event.
  void free_closed() {
    if (!closed_.empty()) free_closed_blocks();
  }

  [[nodiscard]] PlanCounts counts() const;
  [[nodiscard]] std::uint64_t count(TaskState state) const { return counts_[index_of(state)]; }

  // Calls visit(TaskBlock&) for each block that holds records, lowest ids first.
  template <class Visit>
  void for_each_block(Visit&& visit) const {
    for (const auto& block : blocks_) {
      if (block) visit(*block);
    }
  }
  void check_invariants() const;

 private:
  static constexpr std::size_t index_of(TaskState state) { return static_cast<std::size_t>(state); }

  void count_change(TaskBlock& block, TaskState from, TaskState to, std::uint32_t count) {
    counts_[index_of(from)] -= count;
    counts_[index_of(to)] += count;
    if (!is_final(to)) return;
    if (to != TaskState::Succeeded) block.all_succeeded = false;
    block.open -= count;
    if (block.open == 0) closed_.push_back((block.first - 1) / kBlockTasks);
  }
  [[nodiscard]] const TaskBlock* block_at(std::uint64_t number) const;
  void free_closed_blocks();

  FinalStates final_states_;
  TaskId last_ = 0;
  std::uint64_t base_ = 0;                         // the number of the first block in blocks_
  std::deque<std::unique_ptr<TaskBlock>> blocks_;  // null: freed
  std::array<std::uint64_t, kTaskStates> counts_{};
  std::vector<std::uint64_t> closed_;
  // By block number: freed ones of which not all succeeded. What is in neither list did.
  std::unordered_map<std::uint64_t, std::unique_ptr<TaskBlock>> kept_;
};

}  // namespace drover
