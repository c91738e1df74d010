#include "runner/plan/task_table.hpp"

#include <algorithm>
#include <cstring>

namespace drover {
namespace {

// The part of a run that lies in one block.
struct Part {
  std::uint32_t slot;
  std::uint32_t count;
};

Part part_of(TaskId first, std::uint32_t count) {
  const auto slot = static_cast<std::uint32_t>((first - 1) % kBlockTasks);
  return {slot, std::min(count, kBlockTasks - slot)};
}

// A block's worth of one state, to compare with.
const std::array<TaskState, kBlockTasks>& pattern(TaskState state) {
  static const auto patterns = [] {
    std::array<std::array<TaskState, kBlockTasks>, kTaskStates> all{};
    for (std::uint32_t i = 0; i < kTaskStates; ++i) all[i].fill(static_cast<TaskState>(i));
    return all;
  }();
  return patterns[static_cast<std::size_t>(state)];
}

}  // namespace

void TaskBlock::set_attempt(std::uint32_t slot, Attempt attempt) {
  if (!attempts) {
    attempts = std::make_unique_for_overwrite<Attempt[]>(kBlockTasks);
    std::fill_n(attempts.get(), kBlockTasks, Attempt{1});
  }
  attempts[slot] = attempt;
}

void TaskBlock::set_because(std::uint32_t slot, TaskId task) {
  if (!because) because = std::make_unique<TaskId[]>(kBlockTasks);
  because[slot] = task;
}

TaskBlock::Links& TaskBlock::make_links() {
  if (!links) links = std::make_unique<Links>();
  return *links;
}

TaskId TaskTable::append(std::uint32_t count, ClassId cls) {
  const TaskId first = last_ + 1;
  counts_[index_of(TaskState::Absent)] += count;
  while (count != 0) {
    const Part part = part_of(last_ + 1, count);
    if (part.slot == 0) {
      blocks_.push_back(std::make_unique<TaskBlock>());
      blocks_.back()->first = last_ + 1;
      blocks_.back()->first_class = cls;
    }
    TaskBlock& block = *blocks_.back();
    if (!block.classes && block.first_class != cls) {
      block.classes = std::make_unique_for_overwrite<ClassId[]>(kBlockTasks);
      std::fill_n(block.classes.get(), part.slot, block.first_class);
    }
    if (block.classes) std::fill_n(block.classes.get() + part.slot, part.count, cls);
    last_ += part.count;
    count -= part.count;
  }
  return first;
}

const TaskBlock* TaskTable::block_at(std::uint64_t number) const {
  const std::uint64_t index = number - base_;
  if (index < blocks_.size() && blocks_[index]) return blocks_[index].get();
  const auto kept = kept_.find(number);
  return kept == kept_.end() ? nullptr : kept->second.get();
}

std::optional<TaskState> TaskTable::state_of(TaskId id) const {
  if (id == 0 || id > last_) return std::nullopt;
  if (const TaskBlock* block = block_at((id - 1) / kBlockTasks)) return block->states[(id - 1) % kBlockTasks];
  if (final_states_ == FinalStates::Forgotten) return std::nullopt;
  return TaskState::Succeeded;
}

TaskId TaskTable::root_of(TaskId id) const {
  if (state_of(id) != TaskState::Skipped) return id;
  const TaskBlock* block = block_at((id - 1) / kBlockTasks);
  DROVER_CHECK(block && block->because);
  return block->because[(id - 1) % kBlockTasks];
}

bool TaskTable::all_are(TaskId first, std::uint32_t count, TaskState state, Attempt attempt) const {
  // Ids that were never added need no rule of their own: 0 wraps beyond all blocks, others are Absent or
  // beyond them.
  while (count != 0) {
    const Part part = part_of(first, count);
    const std::uint64_t index = (first - 1) / kBlockTasks - base_;
    if (index >= blocks_.size() || !blocks_[index]) return false;
    const TaskBlock& block = *blocks_[index];
    if (std::memcmp(&block.states[part.slot], pattern(state).data(), part.count) != 0) return false;
    if (block.attempts) {
      const Attempt* begin = block.attempts.get() + part.slot;
      if (!std::all_of(begin, begin + part.count, [=](Attempt a) { return a == attempt; })) return false;
    } else if (attempt != 1) {
      return false;
    }
    first += part.count;
    count -= part.count;
  }
  return true;
}

void TaskTable::set_states(TaskId first, std::uint32_t count, TaskState from, TaskState to) {
  DROVER_CHECK(may_become(from, to));
  while (count != 0) {
    const Part part = part_of(first, count);
    const TaskPlace place = find(first);
    DROVER_CHECK(place);
    TaskState* states = &place.block->states[part.slot];
    DROVER_CHECK(std::memcmp(states, pattern(from).data(), part.count) == 0);
    std::memset(states, static_cast<int>(to), part.count);
    count_change(*place.block, from, to, part.count);
    first += part.count;
    count -= part.count;
  }
}

void TaskTable::free_closed_blocks() {
  for (const std::uint64_t number : closed_) {
    std::unique_ptr<TaskBlock> block = std::move(blocks_[number - base_]);
    if (final_states_ == FinalStates::Forgotten || block->all_succeeded) continue;
    block->classes.reset();
    block->attempts.reset();
    block->links.reset();
    kept_.emplace(number, std::move(block));
  }
  closed_.clear();
  while (!blocks_.empty() && !blocks_.front()) {
    blocks_.pop_front();
    ++base_;
  }
}

PlanCounts TaskTable::counts() const {
  return {.total = last_,
          .waiting = count(TaskState::Waiting),
          .ready = count(TaskState::Ready),
          .handed_out = count(TaskState::HandedOut),
          .succeeded = count(TaskState::Succeeded),
          .failed = count(TaskState::Failed),
          .skipped = count(TaskState::Skipped),
          .cancelled = count(TaskState::Cancelled)};
}

void TaskTable::check_invariants() const {
  DROVER_CHECK(closed_.empty());
  DROVER_CHECK(count(TaskState::Absent) == 0);
  DROVER_CHECK(counts().open() + counts().finals() == last_);
  DROVER_CHECK(base_ + blocks_.size() == (last_ + kBlockTasks - 1) / kBlockTasks);
  DROVER_CHECK(blocks_.empty() || blocks_.front());

  std::array<std::uint64_t, kTaskStates> seen{};
  for (std::uint64_t i = 0; i < blocks_.size(); ++i) {
    if (!blocks_[i]) continue;
    const TaskBlock& block = *blocks_[i];
    DROVER_CHECK(block.first == (base_ + i) * kBlockTasks + 1);
    std::uint32_t open = 0;
    bool all_succeeded = true;
    for (std::uint32_t slot = 0; slot < kBlockTasks; ++slot) {
      const TaskState state = block.states[slot];
      DROVER_CHECK((state == TaskState::Absent) == (block.first + slot > last_));
      DROVER_CHECK(state == TaskState::Absent || block.attempt(slot) != 0);
      if (!is_final(state)) ++open;
      if (is_final(state) && state != TaskState::Succeeded) all_succeeded = false;
      if (state == TaskState::Skipped) DROVER_CHECK(block.because && block.because[slot] != 0);
      ++seen[index_of(state)];
    }
    DROVER_CHECK(open == block.open && open != 0 && all_succeeded == block.all_succeeded);
  }
  for (const TaskState state : {TaskState::Waiting, TaskState::Ready, TaskState::HandedOut}) {
    DROVER_CHECK(seen[index_of(state)] == count(state));
  }
  for (const auto& [number, block] : kept_) {
    DROVER_CHECK(block->open == 0 && !block->all_succeeded && block->first == number * kBlockTasks + 1);
  }
}

}  // namespace drover
