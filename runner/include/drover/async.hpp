// TaskHandle::async_wait and Coordinator::async_submit, for programs that use Boost.Asio.
//
//   boost::asio::awaitable<void> use(drover::Coordinator& coordinator) {
//     auto shot = coordinator.submit<&render>(Shot{12});
//     double value = co_await shot.async_wait(boost::asio::use_awaitable);
//   }
//
// Submit in a statement of its own, as here: of a struct that is made with braces in the same expression as a
// co_await, such as SubmitOptions, g++ 12 destroys a bytewise copy, which ruins the strings in it.
//
// Any completion token will do. The handler runs on its associated executor (without one: on Asio's system
// executor), never on a thread of drover. Its cancellation slot, when it emits, cancels the task.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <drover/coordinator.hpp>

namespace drover::detail {

// A handler that waits for a task: hands it to its executor when the task has ended.
template <class R, class Handler>
class AsyncWaiter final : public Follower {
 public:
  using Executor = boost::asio::associated_executor_t<Handler, boost::asio::system_executor>;

  static void start(TaskRef task, Handler handler) {
    auto* const waiter = new AsyncWaiter(std::move(task), std::move(handler));
    auto slot = boost::asio::get_associated_cancellation_slot(waiter->handler_);
    if (slot.is_connected())
      slot.assign([task = waiter->task_](boost::asio::cancellation_type) { (void)cancel(*task); });
    if (!follow(*waiter->task_, *waiter)) waiter->post();
  }

 private:
  AsyncWaiter(TaskRef task, Handler handler)
      : task_(std::move(task)),
        handler_(std::move(handler)),
        work_(boost::asio::make_work_guard(
            boost::asio::get_associated_executor(handler_, boost::asio::system_executor()))) {
    ended = [](Follower& self, Task&) noexcept { static_cast<AsyncWaiter&>(self).post(); };
  }
  void post() {
    // The handler may end the last work of its context, which may then be destroyed: not before we have left
    // it.
    const auto kept = boost::asio::make_work_guard(work_.get_executor());
    boost::asio::post(work_.get_executor(), [waiter = std::unique_ptr<AsyncWaiter>(this)]() mutable {
      const TaskRef task = std::move(waiter->task_);
      Handler handler = std::move(waiter->handler_);
      waiter.reset();
      boost::asio::get_associated_cancellation_slot(handler).clear();
      complete(*task, handler);
    });
  }
  static void complete(Task& task, Handler& handler) {
    std::exception_ptr error;
    if constexpr (std::is_void_v<R>) {
      if (task.state.load(std::memory_order_relaxed) != TaskStatus::Succeeded) error = failure_of(task);
      std::move(handler)(error);
    } else {
      R value{};
      try {
        value = value_of<R>(task);
      } catch (...) {
        error = std::current_exception();
      }
      std::move(handler)(error, std::move(value));
    }
  }

  TaskRef task_;
  Handler handler_;
  boost::asio::executor_work_guard<Executor> work_;
};

template <class R, class Token>
struct AsyncWait {
  using Completion = std::conditional_t<
      std::is_void_v<R>, std::type_identity<void(std::exception_ptr)>,
      std::type_identity<void(std::exception_ptr, std::conditional_t<std::is_void_v<R>, int, R>)>>;

  static auto start(TaskHandle<R>& handle, Token token) {
    static_assert(
        std::is_void_v<R> || std::is_default_constructible_v<R>,
        "drover: async_wait completes with an error and a value, so the value's type needs a default");
    (void)task_of(handle);
    return boost::asio::async_initiate<Token, typename Completion::type>(
        [](auto handler, TaskRef task) {
          AsyncWaiter<R, std::decay_t<decltype(handler)>>::start(std::move(task), std::move(handler));
        },
        token, HandleAccess<R>::task(handle));
  }
};

// A submission that waits for room.
template <class R, class Handler>
class AsyncSubmission : public std::enable_shared_from_this<AsyncSubmission<R, Handler>> {
 public:
  using Executor = boost::asio::associated_executor_t<Handler, boost::asio::system_executor>;

  AsyncSubmission(Coordinator& coordinator, TaskRef task, Handler handler)
      : coordinator_(coordinator),
        task_(std::move(task)),
        handler_(std::move(handler)),
        work_(boost::asio::make_work_guard(
            boost::asio::get_associated_executor(handler_, boost::asio::system_executor()))) {}
  void attempt() {
    try {
      // Room may come and go between the two.
      while (!CoordinatorAccess::hand_over(coordinator_, task_))
        if (CoordinatorAccess::on_room(coordinator_, *task_,
                                       [self = this->shared_from_this()] { self->attempt(); }))
          return;
      post(nullptr);
    } catch (...) {
      post(std::current_exception());
    }
  }

 private:
  void post(std::exception_ptr error) {
    const auto kept = boost::asio::make_work_guard(work_.get_executor());  // as in AsyncWaiter::post
    boost::asio::post(work_.get_executor(), [self = this->shared_from_this(), error] {
      Handler handler = std::move(self->handler_);
      self->work_.reset();
      TaskHandle<R> handle = error ? TaskHandle<R>() : HandleAccess<R>::make(std::move(self->task_));
      std::move(handler)(error, std::move(handle));
    });
  }

  Coordinator& coordinator_;
  TaskRef task_;
  Handler handler_;
  boost::asio::executor_work_guard<Executor> work_;
};

}  // namespace drover::detail

namespace drover {

template <auto F, class Token, class... A>
auto Coordinator::async_submit(Token&& token, const A&... args) {
  using R = detail::ResultOf<F>;
  detail::TaskRef task = make_task<F>(SubmitOptions{}, args...);
  return boost::asio::async_initiate<Token, void(std::exception_ptr, TaskHandle<R>)>(
      [this](auto handler, detail::TaskRef made) {
        using Handler = std::decay_t<decltype(handler)>;
        std::make_shared<detail::AsyncSubmission<R, Handler>>(*this, std::move(made), std::move(handler))
            ->attempt();
      },
      token, std::move(task));
}

}  // namespace drover
