// Tasks that may start, lowest id first. Those that come in order are kept as intervals, so that a million of
// them cost as much as one; only what comes out of order (retried, returned, released by its needs) is kept
// in a tree. Knows nothing of states.
#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "common/ids.hpp"
#include "runner/plan/task_table.hpp"

namespace drover {

// Consecutive tasks of one class that are at the same attempt.
struct ReadyRun {
  TaskId first = 0;
  std::uint32_t count = 0;
  Attempt attempt = 1;
  ClassId cls = 0;
};

class ReadyQueue {
 public:
  // Precondition: its ids lie above all that were ever appended.
  void append(const ReadyRun& run);
  // Precondition: none of its tasks is in the queue.
  void insert(const ReadyRun& run);
  // The run with the lowest id, or null. Valid until the next change.
  [[nodiscard]] const ReadyRun* front() const;
  // Takes at most `most` tasks from the front run. Precondition: not empty, most > 0.
  ReadyRun take(std::uint32_t most);
  // Precondition: it is in the queue.
  void remove(TaskId id);
  void clear();

  [[nodiscard]] std::uint64_t size() const { return size_; }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const ReadyRun& run : in_order_) {
      if (run.count != 0) visit(run);
    }
    for (const ReadyRun& run : late_) visit(run);
  }

 private:
  struct ByFirst {
    bool operator()(const ReadyRun& a, const ReadyRun& b) const { return a.first < b.first; }
  };

  void drop_empty_front();

  std::deque<ReadyRun> in_order_;  // the front one is never empty, others may be
  std::set<ReadyRun, ByFirst> late_;
  std::uint64_t size_ = 0;
};

}  // namespace drover
