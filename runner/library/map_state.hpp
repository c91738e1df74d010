// The tasks of a map: many in one piece of memory, told of together.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <drover/map.hpp>

namespace drover::detail {

// What the engine's thread and the one that iterates share.
struct MapCore::State {
  std::mutex mutex;
  std::condition_variable wake;
  bool waiting = false;
  std::vector<Task*> ended;  // in that order; unordered maps only
  bool ordered = false;

  // The part of the thread that iterates.
  MapSource source;
  MapOptions options;
  std::vector<Task*> ready;  // taken out of `ended`, from `next_ready` on
  std::size_t next_ready = 0;
  std::vector<TaskArray*> arrays;  // with tasks that were not read, in order, from `first_array` on
  std::size_t first_array = 0;
  TaskArray* filling = nullptr;
  Task* shown = nullptr;  // what next() returned last
  std::uint64_t added = 0, read = 0;
  double average_seconds = 0;
  std::size_t window = 0;
};

struct TaskArray {
  std::shared_ptr<MapCore::State> owner;
  std::unique_ptr<Task[]> tasks;
  std::uint64_t first_index = 0;
  std::uint32_t count = 0;
  std::uint32_t read = 0;               // by the thread that iterates
  std::uint32_t next = 0;               // ordered maps: the next to be read
  std::atomic<std::uint32_t> users{1};  // its tasks, and the map
  std::vector<Task*> told;              // ended in this turn of the engine

  void turn();
  static void drop(TaskArray* array) noexcept {
    if (array->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete array;
  }
};

}  // namespace drover::detail
