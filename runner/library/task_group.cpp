#include <drover/task_group.hpp>

#include <condition_variable>
#include <list>
#include <mutex>

#include <drover/error.hpp>

#include "runner/library/pool.hpp"

namespace drover::detail {

struct GroupCore::Node final : Follower {
  TaskRef task;
  std::shared_ptr<Shared> shared;
  std::list<Node>::iterator here;
};

struct GroupCore::Shared {
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::list<Node> open, ended;  // ended: to be freed when nobody looks at them
  std::vector<TaskRef> failed;
  bool cancelled = false;

  // This process was forked from the one whose tasks these are.
  [[nodiscard]] bool never_ends() const { return !open.empty() && forked(open.front().task->pool); }
  void tell(Node& node);
  void cancel_open(std::unique_lock<std::mutex> lock);
};

// On the engine's thread, as a rule.
void GroupCore::Shared::tell(Node& node) {
  std::unique_lock lock(mutex);
  const TaskStatus state = node.task->state.load(std::memory_order_relaxed);
  const bool by_us = cancelled && state == TaskStatus::Cancelled;
  if (state != TaskStatus::Succeeded && (!by_us || failed.empty())) failed.push_back(node.task);
  ended.splice(ended.end(), open, node.here);
  if (open.empty()) wake.notify_all();
  if (state != TaskStatus::Succeeded && !cancelled) cancel_open(std::move(lock));
}

void GroupCore::Shared::cancel_open(std::unique_lock<std::mutex> lock) {
  cancelled = true;
  std::vector<TaskRef> tasks;
  for (const Node& node : open) tasks.push_back(node.task);
  lock.unlock();
  if (tasks.empty()) return;
  if (const auto pool = find_pool(tasks.front()->pool)) pool->cancel_all(std::move(tasks));
}

GroupCore::GroupCore() : shared_(std::make_shared<Shared>()) {}

GroupCore::~GroupCore() {
  cancel();
  std::unique_lock lock(shared_->mutex);
  if (shared_->never_ends()) {
    for (Node& node : shared_->open) unfollow(*node.task, node);
    return;
  }
  shared_->wake.wait(lock, [this] { return shared_->open.empty(); });
  // Whoever told the last end has left the lock of its task before a node is freed.
  std::list<Node> done = std::move(shared_->ended);
  lock.unlock();
  for (Node& node : done) unfollow(*node.task, node);
}

void GroupCore::add(TaskRef task) {
  std::list<Node> freed;
  std::unique_lock lock(shared_->mutex);
  freed.swap(shared_->ended);
  Node& node = shared_->open.emplace_back();
  node.here = std::prev(shared_->open.end());
  node.task = std::move(task);
  node.Follower::ended = [](Follower& self, Task&) noexcept {
    auto& told = static_cast<Node&>(self);
    const std::shared_ptr<Shared> kept = std::move(told.shared);  // the group may go as soon as it is told
    kept->tell(told);
  };
  node.shared = shared_;
  const bool cancelled = shared_->cancelled;
  const TaskRef followed = node.task;
  lock.unlock();
  if (!follow(*followed, node)) shared_->tell(node);
  for (Node& each : freed) unfollow(*each.task, each);
  if (cancelled) (void)detail::cancel(*followed);
}

bool GroupCore::cancelled() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->cancelled;
}

void GroupCore::cancel() {
  shared_->cancel_open(std::unique_lock(shared_->mutex));
}

void GroupCore::wait() {
  std::unique_lock lock(shared_->mutex);
  if (shared_->never_ends())
    throw WouldDeadlock(
        "drover: this process was forked from the one that runs the group and never hears of its end");
  shared_->wake.wait(lock, [this] { return shared_->open.empty(); });
  if (shared_->failed.empty()) return;
  const TaskRef first = shared_->failed.front();
  lock.unlock();
  throw_failure(*first);
}

std::vector<std::exception_ptr> GroupCore::errors() const {
  const std::scoped_lock lock(shared_->mutex);
  std::vector<std::exception_ptr> errors;
  for (const TaskRef& each : shared_->failed) errors.push_back(failure_of(*each));
  return errors;
}

}  // namespace drover::detail
