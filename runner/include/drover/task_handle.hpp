// What submit() returns: the task's future value, and the task itself.
//
//   drover::TaskHandle<double> shot = coordinator.submit<&render>(Shot{12});
//   shot.wait_for(1s);
//   double value = shot.get();      // or throws how it ended
//
// A handle may be moved, not copied. Any thread may use it, but one at a time; several handles of one
// coordinator may be used by several threads at once. Destroying a handle never blocks and stops nothing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <drover/codec.hpp>
#include <drover/detail/task.hpp>
#include <drover/error.hpp>

namespace drover {

template <class R>
class TaskHandle;

namespace detail {

// Defined by <drover/async.hpp>.
template <class R, class Token>
struct AsyncWait;

template <class R>
R value_of(Task& task) {
  if (task.state.load(std::memory_order_relaxed) != TaskStatus::Succeeded) throw_failure(task);
  if constexpr (!std::is_void_v<R>) {
    if (task.extras && task.extras->value) return *static_cast<const R*>(task.extras->value.get());
    Decoder decoder(task.bytes.view());
    R value = decoder.value<R>();
    decoder.finish();
    return value;
  }
}

template <class R>
struct HandleAccess;

template <class R, class F>
class Continuation;

// None: later than the clock can tell.
template <class Rep, class Period>
Deadline deadline_in(std::chrono::duration<Rep, Period> time) {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> seconds = time;
  if (seconds.count() <= 0) return now;
  if (!(seconds < (std::chrono::steady_clock::time_point::max() - now) / 2)) return std::nullopt;
  return now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(time);
}

}  // namespace detail

template <class R>
class TaskHandle {
 public:
  using value_type = R;

  // Refers to no task: valid() is false, everything else throws std::logic_error.
  TaskHandle() = default;
  TaskHandle(TaskHandle&&) noexcept = default;
  TaskHandle& operator=(TaskHandle&&) noexcept = default;

  // Waits, then returns the value or throws how the task ended: what its function threw (standard types as
  // themselves, others as RemoteError), WorkerDied, TimedOut, Cancelled, CouldNotStart, CoordinatorFailed;
  // DecodeError: the value did not arrive whole. May be called again and then does the same again.
  R get() {
    detail::wait(task());
    return detail::value_of<R>(task());
  }
  void wait() const { detail::wait(task()); }
  // False: it has not ended in this time.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> time) const {
    return detail::wait(task(), detail::deadline_in(time));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) const {
    using Seconds = std::chrono::duration<double>;  // does not overflow
    return wait_for(Seconds(time.time_since_epoch()) - Seconds(Clock::now().time_since_epoch()));
  }
  [[nodiscard]] bool valid() const { return static_cast<bool>(task_); }
  // The task has ended: get() does not wait.
  [[nodiscard]] bool ready() const { return task().ended(); }
  [[nodiscard]] TaskStatus state() const { return task().state.load(std::memory_order_acquire); }

  // Asks for the task's end and returns at once: it never begins, or its stop token is told, then its worker
  // is ended after the grace. It ends as Cancelled; as Succeeded if it returns a value all the same. False:
  // it has ended already, or stands for a continuation, which cannot be cancelled.
  bool cancel() { return detail::cancel(task()); }
  // The last that the running task said by Context::progress; none: nothing was said, or it does not run.
  [[nodiscard]] std::optional<TaskProgress> progress() const { return detail::progress(task()); }
  [[nodiscard]] TaskInfo info() const { return detail::info(task()); }
  // How it ended, without throwing; null: it succeeded. Waits.
  [[nodiscard]] std::exception_ptr error() const {
    detail::wait(task());
    if (state() == TaskStatus::Succeeded) return nullptr;
    return detail::failure_of(task());
  }

  // Calls f(TaskHandle<R>) when the task has ended, on a thread that the coordinator keeps for that: f may
  // take its time, but others wait behind it. The handle returned stands for what f returns or throws.
  template <class F>
  auto then(F f) && {
    using Made = detail::Continuation<R, F>;
    auto made = std::make_unique<Made>(std::move(*this), std::move(f));
    auto handle = made->handle();
    detail::TaskRef before = made->before();
    detail::call_when_ended(std::move(before), std::move(made));
    return handle;
  }

  // Needs <drover/async.hpp>: completes with (std::exception_ptr, R), or (std::exception_ptr) for void,
  // through any Asio completion token.
  template <class Token>
  auto async_wait(Token&& token) {
    return detail::AsyncWait<R, std::decay_t<Token>>::start(*this, std::forward<Token>(token));
  }

 private:
  friend struct detail::HandleAccess<R>;
  explicit TaskHandle(detail::TaskRef task) : task_(std::move(task)) {}
  detail::Task& task() const {
    if (!task_) throw std::logic_error("drover: this TaskHandle refers to no task");
    return *task_;
  }

  detail::TaskRef task_;
};

namespace detail {

template <class R>
struct HandleAccess {
  static TaskHandle<R> make(TaskRef task) { return TaskHandle<R>(std::move(task)); }
  static const TaskRef& task(const TaskHandle<R>& handle) { return handle.task_; }
};

template <class R>
Task& task_of(const TaskHandle<R>& handle) {
  if (!handle.valid()) throw std::logic_error("drover: this TaskHandle refers to no task");
  return *HandleAccess<R>::task(handle);
}

template <class R>
TaskRef ref_of(const TaskHandle<R>& handle) {
  (void)task_of(handle);
  return HandleAccess<R>::task(handle);
}

template <class R, class F>
class Continuation final : public Callback {
 public:
  using U = std::invoke_result_t<F&, TaskHandle<R>>;

  Continuation(TaskHandle<R> before, F f) : before_(std::move(before)), f_(std::move(f)), own_(new Task) {
    own_->pool = task_of(before_).pool;
    own_->function = Task::kContinuation;
    own_->more();
  }
  [[nodiscard]] TaskRef before() const { return HandleAccess<R>::task(before_); }
  [[nodiscard]] TaskHandle<U> handle() const { return HandleAccess<U>::make(own_); }
  void run() noexcept override {
    TaskStatus state = TaskStatus::Succeeded;
    try {
      if constexpr (std::is_void_v<U>)
        f_(std::move(before_));
      else
        own_->extras->value = std::make_shared<U>(f_(std::move(before_)));
    } catch (...) {
      own_->extras->thrown = std::current_exception();
      state = TaskStatus::Failed;
    }
    end(*own_, state);
  }

 private:
  TaskHandle<R> before_;
  F f_;
  TaskRef own_;
};

// Tasks out of a range of handles, in the order in which they end.
class Gathering {
 public:
  Gathering() = default;
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;
  ~Gathering();

  void add(TaskRef task);
  [[nodiscard]] std::size_t size() const;
  // The next one that has ended: its place in the order of add(). nullopt: the deadline came, or none is
  // left.
  std::optional<std::size_t> next(Deadline deadline = {});

 private:
  struct Shared;
  struct Node;
  std::shared_ptr<Shared> shared_;  // shared: its type is not known here
};

}  // namespace detail

// Waits until one of them has ended; returns its place in the range. An empty range throws
// std::invalid_argument.
template <std::ranges::forward_range Handles>
std::size_t wait_any(Handles&& handles) {
  detail::Gathering gathering;
  for (auto& handle : handles) gathering.add(detail::ref_of(handle));
  const auto first = gathering.next();
  if (!first) throw std::invalid_argument("drover: wait_any of no handles");
  return *first;
}

template <std::ranges::forward_range Handles>
void wait_all(Handles&& handles) {
  for (auto& handle : handles) handle.wait();
}

// The handles of a range, each when it has ended: for (auto& handle : as_completed(handles)) …
// The range must live, and not be changed, until the iteration is over. An iteration may be left early.
template <std::ranges::random_access_range Handles>
class AsCompleted {
 public:
  explicit AsCompleted(Handles& handles) : handles_(&handles) {
    for (auto& handle : handles) gathering_.add(detail::ref_of(handle));
  }

  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = std::ranges::range_value_t<Handles>;

    Iterator() = default;
    explicit Iterator(AsCompleted& range) : range_(&range) { ++*this; }
    std::ranges::range_reference_t<Handles> operator*() const {
      return std::ranges::begin(
          *range_->handles_)[static_cast<std::ranges::range_difference_t<Handles>>(*at_)];
    }
    Iterator& operator++() {
      at_ = range_->gathering_.next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& each, std::default_sentinel_t) { return !each.at_; }

   private:
    AsCompleted* range_ = nullptr;
    std::optional<std::size_t> at_;
  };

  Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  Handles* handles_;
  detail::Gathering gathering_;
};

template <std::ranges::random_access_range Handles>
AsCompleted<Handles> as_completed(Handles& handles) {
  return AsCompleted<Handles>(handles);
}

}  // namespace drover
