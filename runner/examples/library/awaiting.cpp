// Tasks awaited by coroutines: one thread of the program waits for all of them.
#include <drover/async.hpp>
#include <drover/drover.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;

std::string reversed(const std::string& text) {
  return {text.rbegin(), text.rend()};
}
int length(const std::string& text) {
  if (text.empty()) throw std::length_error("there is no text");
  return static_cast<int>(text.size());
}

asio::awaitable<void> use(drover::Coordinator& coordinator) {
  // Waits for room in the coordinator, then for the value; the thread does other things meanwhile.
  auto first = co_await coordinator.async_submit<&reversed>(asio::use_awaitable, "drover");
  const std::string text = co_await first.async_wait(asio::use_awaitable);
  // Not in one expression: see <drover/async.hpp>.
  auto second = coordinator.submit<&length>(text, {.timeout = std::chrono::minutes(1)});
  std::cout << text << " has " << co_await second.async_wait(asio::use_awaitable) << " letters\n";
  try {
    auto third = coordinator.submit<&length>("");
    co_await third.async_wait(asio::use_awaitable);
  } catch (const std::length_error& error) {
    std::cout << "thrown in the worker, caught in a coroutine: " << error.what() << '\n';
  }
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  drover::Coordinator coordinator({.workers = 2});
  asio::io_context context;
  asio::co_spawn(context, use(coordinator), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
