// Waiting and submitting with Boost.Asio: every sort of completion token, cancellation, executors.
#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/async.hpp>
#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"

namespace asio = boost::asio;
using drover::TaskHandle;
using drover::TaskStatus;
using drover::test::Gate;

namespace {

int number(int value) {
  return value;
}
void nothing() {}
int fail() {
  throw std::out_of_range("beyond");
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
std::string swallow(std::string gate, std::string bytes) {
  if (!gate.empty()) drover::test::meet(gate);
  return bytes;
}
int deaf(std::string gate) {
  drover::test::say(gate, "runs");
  for (;;) ::pause();
}

// What a coroutine returns or throws.
template <class R>
R run(asio::awaitable<R> coroutine) {
  asio::io_context context;
  auto result = asio::co_spawn(context, std::move(coroutine), asio::use_future);
  context.run();
  return result.get();
}

}  // namespace

TEST_CASE("a coroutine awaits values, nothing, and failures") {
  drover::Coordinator coordinator({.workers = 2});
  const auto use = [&]() -> asio::awaitable<int> {
    const int four = co_await coordinator.submit<&number>(4).async_wait(asio::use_awaitable);
    co_await coordinator.submit<&nothing>().async_wait(asio::use_awaitable);
    bool thrown = false;
    try {
      co_await coordinator.submit<&fail>().async_wait(asio::use_awaitable);
    } catch (const std::out_of_range& beyond) {
      thrown = std::string(beyond.what()) == "beyond";
    }
    CHECK(thrown);
    auto kept = coordinator.submit<&number>(5);
    kept.wait();
    co_return four + co_await kept.async_wait(asio::use_awaitable) + kept.get();
  };
  CHECK(run(use()) == 14);
}

TEST_CASE("futures, callbacks and deferred operations get the same") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&number>(3);
  CHECK(task.async_wait(asio::use_future).get() == 3);
  CHECK_THROWS_AS((void)coordinator.submit<&fail>().async_wait(asio::use_future).get(), std::out_of_range);
  asio::io_context context;
  int called = 0;
  task.async_wait(asio::bind_executor(context, [&](std::exception_ptr error, int value) {
    CHECK(error == nullptr);
    CHECK(value == 3);
    ++called;
  }));
  coordinator.submit<&fail>().async_wait(asio::bind_executor(context, [&](std::exception_ptr error, int) {
    CHECK(error != nullptr);
    ++called;
  }));
  auto later = task.async_wait(asio::deferred);
  CHECK(called == 0);
  std::move(later)(asio::bind_executor(context, [&](std::exception_ptr, int value) {
    CHECK(value == 3);
    ++called;
  }));
  context.run();  // which has work as long as one of them waits
  CHECK(called == 3);
}

TEST_CASE("handlers run on their executor, never on a thread of drover") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  asio::io_context context;
  std::optional<std::thread::id> ran;
  auto task = coordinator.submit<&wait_at>(gate.path());
  task.async_wait(asio::bind_executor(asio::make_strand(context),
                                      [&](std::exception_ptr, int) { ran = std::this_thread::get_id(); }));
  gate.heard();
  gate.let_go();
  task.wait();
  CHECK_FALSE(ran);
  context.run();
  CHECK(ran == std::this_thread::get_id());
}

TEST_CASE("a handler without an executor is called, too") {
  drover::Coordinator coordinator({.workers = 1});
  Gate gate;
  coordinator.submit<&number>(6).async_wait(
      [&](std::exception_ptr, int value) { drover::test::say(gate.path(), std::to_string(value)); });
  CHECK(gate.heard() == "6");
}

TEST_CASE("thousands of coroutines await tasks at once") {
  drover::Coordinator coordinator({.workers = 2});
  asio::thread_pool threads(2);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 3000; ++i)
    results.push_back(asio::co_spawn(
        threads,
        [&coordinator, i]() -> asio::awaitable<int> {
          co_return co_await coordinator.submit<&number>(i).async_wait(asio::use_awaitable);
        },
        asio::use_future));
  for (int i = 0; i < 3000; ++i) CHECK(results[static_cast<std::size_t>(i)].get() == i);
}

TEST_CASE("a cancellation signal cancels the task, queued or running; after its end it does nothing") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  asio::io_context context;
  asio::cancellation_signal first, second;
  auto running = coordinator.submit<&deaf>(gate.path());
  auto queued = coordinator.submit<&number>(1);
  int cancelled = 0;
  const auto count = [&](std::exception_ptr error, int) {
    try {
      std::rethrow_exception(error);
    } catch (const drover::Cancelled&) {
      ++cancelled;
    }
  };
  running.async_wait(asio::bind_cancellation_slot(first.slot(), asio::bind_executor(context, count)));
  queued.async_wait(asio::bind_cancellation_slot(second.slot(), asio::bind_executor(context, count)));
  gate.heard();
  second.emit(asio::cancellation_type::all);
  first.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(cancelled == 2);
  first.emit(asio::cancellation_type::all);
  auto good = coordinator.submit<&number>(2);
  asio::cancellation_signal late;
  context.restart();
  good.async_wait(asio::bind_cancellation_slot(
      late.slot(), asio::bind_executor(context, [](std::exception_ptr, int value) { CHECK(value == 2); })));
  good.wait();
  late.emit(asio::cancellation_type::all);
  context.run();
  late.emit(asio::cancellation_type::all);
  CHECK(good.get() == 2);
}

TEST_CASE("of two that are awaited with ||, the loser is cancelled") {
  using namespace asio::experimental::awaitable_operators;
  Gate gate;
  drover::Coordinator coordinator({.workers = 2});
  TaskHandle<int> slow = coordinator.submit<&deaf>(gate.path());
  gate.heard();
  auto fast = coordinator.submit<&number>(9);
  const auto use = [&]() -> asio::awaitable<int> {
    auto first = co_await (slow.async_wait(asio::use_awaitable) || fast.async_wait(asio::use_awaitable));
    co_return std::get<1>(first);
  };
  CHECK(run(use()) == 9);
  CHECK(slow.state() == TaskStatus::Cancelled);
}

TEST_CASE("tasks that end by shutdown, or with their coordinator, complete what waits for them") {
  Gate gate;
  asio::io_context context;
  bool called = false;
  {
    drover::Coordinator coordinator({.workers = 1});
    coordinator.submit<&deaf>(gate.path())
        .async_wait(asio::bind_executor(context, [&](std::exception_ptr error, int) {
          CHECK_THROWS_AS(std::rethrow_exception(error), drover::Cancelled);
          called = true;
        }));
    gate.heard();
    coordinator.shutdown(drover::Pending::Cancel);
  }
  context.run();
  CHECK(called);
}

TEST_CASE("async_submit waits for room without blocking, in turn with others") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 1});
  asio::io_context context;
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  int done = 0;
  const auto use = [&](int value) -> asio::awaitable<void> {
    auto handle = co_await coordinator.async_submit<&number>(asio::use_awaitable, value);
    CHECK(co_await handle.async_wait(asio::use_awaitable) == value);
    ++done;
  };
  for (int i = 0; i < 10; ++i) asio::co_spawn(context, use(i), asio::detached);
  context.poll();
  CHECK(done == 0);
  gate.let_go();
  context.run();
  CHECK(done == 10);
}

TEST_CASE("async_submit waits for bytes, too, and stops nobody meanwhile") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2, .max_queued_bytes = 1000});
  const std::string half(600, 'x');
  auto held = coordinator.submit<&swallow>(gate.path(), half);
  gate.heard();
  auto later = coordinator.async_submit<&swallow>(asio::use_future, std::string(), half);
  CHECK(coordinator.submit<&number>(1).get() == 1);
  CHECK(later.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  // A small task ends, so the engine looks for room, of which there is not enough.
  CHECK(coordinator.submit<&number>(2).get() == 2);
  gate.let_go();
  CHECK(held.get() == half);
  CHECK(later.get().get() == half);
}

TEST_CASE("async_submit tells of the end of its coordinator, whether it waits or comes too late") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1, .max_queued = 1});
  auto held = coordinator.submit<&deaf>(gate.path());
  gate.heard();
  auto waits = coordinator.async_submit<&number>(asio::use_future, 1);
  coordinator.shutdown(drover::Pending::Cancel);
  CHECK_THROWS_AS((void)waits.get(), drover::ShutDown);
  auto late = coordinator.async_submit<&number>(asio::use_future, 1);
  CHECK_THROWS_AS((void)late.get(), drover::ShutDown);
  CHECK(held.state() == TaskStatus::Cancelled);
}

TEST_CASE("async_submit tells of a coordinator that fails while it waits") {
  drover::Coordinator coordinator(
      {.workers = 1,
       .max_queued = 1,
       .restart = {.first_delay = std::chrono::milliseconds(1), .most_delay = std::chrono::milliseconds(1)}});
  (void)coordinator.broadcast<[] { throw std::runtime_error("cannot be set up"); }>();
  auto first = coordinator.submit<&number>(1);
  auto waits = coordinator.async_submit<&number>(asio::use_future, 1);
  CHECK_THROWS_AS((void)waits.get(), drover::CoordinatorFailed);
  CHECK_THROWS_AS((void)first.get(), drover::CoordinatorFailed);
}
