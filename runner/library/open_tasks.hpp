// The tasks that have not ended, by number. Numbers come in order; a task that stays long keeps a thousand
// places and no more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <drover/detail/task.hpp>

#include "common/ids.hpp"

namespace drover::detail {

class OpenTasks {
 public:
  // Precondition: the numbers come one after the other, from 1.
  void add(TaskId number, Task* task) {
    const std::uint64_t chunk = (number - 1) / kChunk;
    if (chunk == first_ + chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
    Chunk& into = *chunks_[chunk - first_];
    into.tasks[(number - 1) % kChunk] = task;
    ++into.added;
    ++into.open;
  }
  // Null: it has ended.
  [[nodiscard]] Task* find(TaskId number) const {
    const std::uint64_t chunk = (number - 1) / kChunk;
    if (chunk < first_ || chunk >= first_ + chunks_.size() || !chunks_[chunk - first_]) return nullptr;
    return chunks_[chunk - first_]->tasks[(number - 1) % kChunk];
  }
  Task* take(TaskId number) {
    Task* const task = find(number);
    if (task == nullptr) return nullptr;
    std::unique_ptr<Chunk>& chunk = chunks_[(number - 1) / kChunk - first_];
    chunk->tasks[(number - 1) % kChunk] = nullptr;
    if (--chunk->open == 0 && chunk->added == kChunk) {
      chunk.reset();
      while (!chunks_.empty() && !chunks_.front()) {
        chunks_.pop_front();
        ++first_;
      }
    }
    return task;
  }
  template <class F>
  void for_each(F f) const {
    for (const auto& chunk : chunks_) {
      if (!chunk) continue;
      for (Task* task : chunk->tasks)
        if (task != nullptr) f(task);
    }
  }

 private:
  static constexpr std::size_t kChunk = 1024;
  struct Chunk {
    std::array<Task*, kChunk> tasks{};
    std::uint32_t added = 0, open = 0;
  };

  std::uint64_t first_ = 0;  // the number of chunks before those here
  std::deque<std::unique_ptr<Chunk>> chunks_;
};

}  // namespace drover::detail
