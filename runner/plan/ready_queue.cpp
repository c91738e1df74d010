#include "runner/plan/ready_queue.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace drover {
namespace {

bool holds(const ReadyRun& run, TaskId id) {
  return run.first <= id && id - run.first < run.count;
}

}  // namespace

void ReadyQueue::append(const ReadyRun& run) {
  size_ += run.count;
  if (!in_order_.empty()) {
    ReadyRun& last = in_order_.back();
    DROVER_CHECK(last.first + last.count <= run.first);
    if (last.first + last.count == run.first && last.attempt == run.attempt && last.cls == run.cls &&
        last.count <= UINT32_MAX - run.count) {
      last.count += run.count;
      return;
    }
  }
  in_order_.push_back(run);
}

void ReadyQueue::insert(const ReadyRun& run) {
  size_ += run.count;
  DROVER_CHECK(late_.insert(run).second);
}

const ReadyRun* ReadyQueue::front() const {
  if (late_.empty()) return in_order_.empty() ? nullptr : &in_order_.front();
  if (in_order_.empty() || late_.begin()->first < in_order_.front().first) return &*late_.begin();
  return &in_order_.front();
}

ReadyRun ReadyQueue::take(std::uint32_t most) {
  const ReadyRun* lowest = front();
  DROVER_CHECK(lowest && most != 0);
  ReadyRun taken = *lowest;
  taken.count = std::min(taken.count, most);
  size_ -= taken.count;
  ReadyRun rest = *lowest;
  rest.first += taken.count;
  rest.count -= taken.count;
  if (!in_order_.empty() && lowest == &in_order_.front()) {
    in_order_.front() = rest;
    drop_empty_front();
  } else {
    auto node = late_.extract(late_.begin());
    if (rest.count != 0) {
      node.value() = rest;
      late_.insert(std::move(node));
    }
  }
  return taken;
}

void ReadyQueue::remove(TaskId id) {
  --size_;
  // What lies behind it goes to the tree: an interval in the middle of the deque is not cut in two.
  const auto put_tail = [&](const ReadyRun& whole) {
    ReadyRun tail = whole;
    tail.count -= static_cast<std::uint32_t>(id - whole.first) + 1;
    tail.first = id + 1;
    if (tail.count != 0) DROVER_CHECK(late_.insert(tail).second);
  };
  const auto above = late_.upper_bound(ReadyRun{.first = id});
  if (above != late_.begin() && holds(*std::prev(above), id)) {
    auto node = late_.extract(std::prev(above));
    put_tail(node.value());
    node.value().count = static_cast<std::uint32_t>(id - node.value().first);
    if (node.value().count != 0) late_.insert(std::move(node));
    return;
  }
  const auto found = std::partition_point(in_order_.begin(), in_order_.end(),
                                          [&](const ReadyRun& run) { return run.first + run.count <= id; });
  DROVER_CHECK(found != in_order_.end() && holds(*found, id));
  put_tail(*found);
  found->count = static_cast<std::uint32_t>(id - found->first);
  drop_empty_front();
}

void ReadyQueue::clear() {
  in_order_.clear();
  late_.clear();
  size_ = 0;
}

void ReadyQueue::drop_empty_front() {
  while (!in_order_.empty() && in_order_.front().count == 0) in_order_.pop_front();
}

}  // namespace drover
