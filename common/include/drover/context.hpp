// What a running function knows of its attempt, and how it is told to end.
//
//   double render(const Shot& shot, drover::Context& context) {
//     for (int line = 0; line < shot.lines && !context.stop_requested(); ++line) {
//       …
//       context.progress(line + 1, shot.lines, "tracing");
//     }
//   }
//
// A function takes a Context& wherever it likes among its parameters. The context, and all that it returns by
// reference or view, is valid until the function returns; what it returns by value, longer. Unless a member
// says otherwise any thread that the function started may use it, too. In a child that the function forks it
// is not valid.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <utility>

namespace drover {

class Context;

namespace detail {

// The one T of this process.
template <class T>
T& local_of_worker(std::unique_ptr<T> (*make)(void*), void* with) {
  static const std::unique_ptr<T> object = make(with);
  return *object;
}

}  // namespace detail

class Context {
 public:
  // How far it is: `done` of `total` units (0: nobody knows), and a word about it, cut at 64 bytes. Costs a
  // few stores, no system call: call it as often as you like. One thread at a time.
  virtual void progress(std::uint64_t done, std::uint64_t total, std::string_view text = {}) = 0;

  // True once somebody wants this attempt to end: cancelled, over its time, the run stops. It is ended by
  // force when it does not return within its grace; and at once if it has never asked this, nor for the
  // token. Costs a few loads.
  [[nodiscard]] virtual bool stop_requested() const = 0;
  // The same for whoever waits or wants to be called: each attempt has a stop state of its own, and tokens
  // may outlive it. Callbacks run on a thread that drover keeps for them, all its signals blocked; asked for
  // too late, at once on the thread that registers them. That thread starts with the first token of a worker
  // and sleeps until it is needed. Throws std::system_error: it could not be started.
  //   std::unique_lock lock(mutex);
  //   ready.wait(lock, context.stop_token(), [&] { return done; });    // a std::condition_variable_any
  [[nodiscard]] virtual std::stop_token stop_token() = 0;

  // The task's number in its run or coordinator, from 1.
  [[nodiscard]] virtual std::uint64_t task() const = 0;
  // As it was submitted; empty: without a name, or from a job file.
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Which try this is, from 1.
  [[nodiscard]] virtual std::uint32_t attempt() const = 0;
  // The place among those that run at once, from 1.
  [[nodiscard]] virtual std::uint32_t slot() const = 0;

  // For a random generator: the same for the same task of a coordinator with the same seed, on each retry and
  // whatever worker runs it; unrelated from task to task.
  //   std::mt19937_64 random(context.seed());
  [[nodiscard]] virtual std::uint64_t seed() const = 0;

  // One T for all tasks that this worker ever runs, whatever their function: a connection, a model, a cache.
  // Made from `args` by the first call in the worker; later ones ignore theirs. Lives as long as the worker,
  // and is destroyed only where that ends by std::exit: workers are ended from outside as a rule, and then it
  // is not. Throws what T's constructor throws; the next call tries again.
  template <class T, class... A>
  T& worker_local(A&&... args) {
    auto make = [&] { return std::make_unique<T>(std::forward<A>(args)...); };
    return detail::local_of_worker<T>([](void* with) { return (*static_cast<decltype(make)*>(with))(); },
                                      &make);
  }

 protected:
  ~Context() = default;
};

}  // namespace drover
