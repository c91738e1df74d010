#include "runner/library/callbacks.hpp"

#include <system_error>
#include <utility>

#include "runner/library/quiet_thread.hpp"

namespace drover {
namespace {

thread_local const Callbacks* current = nullptr;

}  // namespace

bool Callbacks::post(std::function<void()> call) {
  const std::scoped_lock lock(mutex_);
  if (ended_) return false;
  calls_.push_back(std::move(call));
  if (!thread_.joinable() && !finishing_) {
    try {
      thread_ = start_quiet_thread([self = shared_from_this()] { self->run(); });
    } catch (const std::system_error&) {  // no thread to be had: the caller does it
      calls_.pop_back();
      return false;
    }
  }
  wake_.notify_one();
  return true;
}

void Callbacks::run() {
  current = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !calls_.empty() || finishing_; });
    if (calls_.empty()) break;
    std::function<void()> call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    call = nullptr;  // what it holds may come back to us when it is destroyed
    lock.lock();
  }
  ended_ = true;
  wake_.notify_all();
}

void Callbacks::finish() {
  std::unique_lock lock(mutex_);
  const bool first = !std::exchange(finishing_, true);
  if (!first) {
    if (!on_this_thread()) wake_.wait(lock, [this] { return ended_; });
    return;
  }
  if (!thread_.joinable()) {
    ended_ = true;
    return;
  }
  wake_.notify_all();
  std::thread thread = std::move(thread_);
  lock.unlock();
  if (on_this_thread())
    thread.detach();
  else
    thread.join();
}

bool Callbacks::on_this_thread() const {
  return current == this;
}

}  // namespace drover
