// A pool of worker processes for functions of this program.
//
//   double render(const Shot& shot, drover::Context& context);
//
//   int main(int argc, char** argv) {
//     if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;   // this program is the
//     worker, too drover::Coordinator coordinator({.workers = 8}); auto shot =
//     coordinator.submit<&render>(Shot{12}, {.timeout = 30s, .retries = 2}); double value = shot.get(); for
//     (auto&& [index, result] : coordinator.map_unordered<&render>(shots)) … result.value() …
//   }
//
// A function that crashes costs its own task and nobody else's. Functions need no macro; lambdas without
// captures will do. Their parameters and results travel by drover::Codec; a SharedArray travels at no cost.
//
// All members may be called by many threads at once, except the destructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <drover/codec.hpp>
#include <drover/detail/call.hpp>
#include <drover/detail/task.hpp>
#include <drover/error.hpp>
#include <drover/function.hpp>
#include <drover/job_file.hpp>
#include <drover/map.hpp>
#include <drover/task_handle.hpp>

namespace drover {

namespace detail {
class Pool;
struct CoordinatorAccess;
}  // namespace detail

// What becomes of that which functions print to stdout and stderr.
enum class FunctionOutput {
  Forward,  // written to this process's own, as a whole when the task ends
  Keep,     // only in TaskHandle::info(), which has its last 64 KiB either way
};

// When workers die before they have done anything, they are started again, more and more slowly.
struct RestartOptions {
  unsigned intensity = 5;  // more such deaths than this within `period` give up the coordinator
  std::chrono::nanoseconds period = std::chrono::seconds(10);
  std::chrono::nanoseconds first_delay = std::chrono::milliseconds(50);  // doubles with each such death
  std::chrono::nanoseconds most_delay = std::chrono::seconds(2);
};

struct Options {
  // Processes at once; 0: one for each CPU that this process may use (affinity and cgroup quota).
  unsigned workers = 0;
  // submit() waits while this many tasks, or this many bytes of their arguments, have not ended yet. What
  // handles keep does not count. At least one task is always taken, however large.
  std::uint64_t max_queued = 65536;
  std::uint64_t max_queued_bytes = std::uint64_t{256} << 20;
  // A worker is replaced after this many tasks; 0: never.
  std::uint64_t max_tasks_per_worker = 0;
  // Bytes of data (heap, private mappings) that a worker may have; 0: no limit. Beyond it allocations fail; a
  // std::bad_alloc that leaves the function then ends the task as OutOfMemory.
  std::uint64_t memory_limit_per_worker = 0;
  // Before a task that is to end is ended by force: first its stop token is told (if it looks at it), after
  // `grace` its worker gets SIGTERM, after `kill_grace` SIGKILL.
  std::chrono::nanoseconds grace = std::chrono::seconds(10);
  std::chrono::nanoseconds kill_grace = std::chrono::milliseconds(500);
  RestartOptions restart = {};
  FunctionOutput output = FunctionOutput::Forward;
  // Of Context::seed: the same seed and the same order of submission give each task the same numbers.
  std::uint64_t seed = 0;
  // Polls for up to 20 µs before it sleeps, while there are CPUs for all who poll. Faster hand-overs, warmer
  // CPUs.
  bool spin = true;
  // Plugins: shared objects whose DROVER_FUNCTIONs job files can name.
  std::vector<std::string> plugins = {};
  // Another program as the worker, for hosts whose main is not ours. Its main calls worker_main, and it has
  // the same functions: they lie in a shared library that both are linked with. Empty: this program.
  std::string worker_program = {};
};

struct SubmitOptions {
  std::string name = {};                               // for people: Context::name, error texts, info()
  std::chrono::nanoseconds timeout{0};                 // of each attempt, from its begin; 0: none
  std::optional<std::chrono::nanoseconds> grace = {};  // unset: the coordinator's
  std::uint32_t retries = 0;  // further attempts after one that threw, died or timed out; not after Cancelled
};

enum class Pending { Finish, Cancel };  // what becomes of tasks that have not ended

// An object and not `{}`: g++ 12 destroys default arguments of class type wrongly in a co_await expression.
inline const SubmitOptions kNoOptions{};

class Coordinator {
 public:
  // Starts the keeper; workers are started when there are tasks for them. Throws CoordinatorFailed when the
  // system refuses, and when this program is its own worker but has not called worker_main. In a process that
  // was itself started as a worker, before it has called worker_main: says so on stderr and ends the process
  // (it would start itself without end).
  // Workers get the signal mask, ignored signals, directory, environment and limits that there are now, and
  // none of this process's descriptors. The keeper is a child of this process, so whoever waits for all
  // children waits for it, too; who reaps it when it ends, as by waitpid(-1), does no harm. Workers are not.
  explicit Coordinator(const Options& options = {});
  // shutdown(Pending::Finish); while an exception is thrown: Pending::Cancel. In a forked child: does
  // nothing.
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Hands over one call of F. Waits while the coordinator holds too much (Options::max_queued). Throws
  // ShutDown, CoordinatorFailed, NotTransportable (F is unknown to the workers), std::bad_alloc.
  template <auto F>
  TaskHandle<detail::ResultOf<F>> submit(const SubmitOptions& options = kNoOptions) {
    return submit_with<F>(options);
  }
  template <auto F, class A>
  TaskHandle<detail::ResultOf<F>> submit(const A& a, const SubmitOptions& options = kNoOptions) requires(
      detail::arity<F> == 1) {
    return submit_with<F>(options, a);
  }
  template <auto F, class A, class B>
  TaskHandle<detail::ResultOf<F>> submit(
      const A& a, const B& b, const SubmitOptions& options = kNoOptions) requires(detail::arity<F> == 2) {
    return submit_with<F>(options, a, b);
  }
  template <auto F, class A, class B, class C>
  TaskHandle<detail::ResultOf<F>> submit(
      const A& a, const B& b, const C& c,
      const SubmitOptions& options = kNoOptions) requires(detail::arity<F> == 3) {
    return submit_with<F>(options, a, b, c);
  }
  template <auto F, class A, class B, class C, class D>
  TaskHandle<detail::ResultOf<F>> submit(
      const A& a, const B& b, const C& c, const D& d,
      const SubmitOptions& options = kNoOptions) requires(detail::arity<F> == 4) {
    return submit_with<F>(options, a, b, c, d);
  }
  template <auto F, class A, class B, class C, class D, class E>
  TaskHandle<detail::ResultOf<F>> submit(
      const A& a, const B& b, const C& c, const D& d, const E& e,
      const SubmitOptions& options = kNoOptions) requires(detail::arity<F> == 5) {
    return submit_with<F>(options, a, b, c, d, e);
  }
  // Any number of arguments.
  template <auto F, class... A>
  TaskHandle<detail::ResultOf<F>> submit_with(const SubmitOptions& options, const A&... args) {
    detail::TaskRef task = make_task<F>(options, args...);
    hand_over(task, /*wait=*/true);
    return detail::HandleAccess<detail::ResultOf<F>>::make(std::move(task));
  }
  // The same, but does not wait: nullopt when the coordinator holds too much.
  template <auto F, class... A>
  std::optional<TaskHandle<detail::ResultOf<F>>> try_submit(const A&... args) {
    return try_submit_with<F>(SubmitOptions{}, args...);
  }
  template <auto F, class... A>
  std::optional<TaskHandle<detail::ResultOf<F>>> try_submit_with(const SubmitOptions& options,
                                                                 const A&... args) {
    detail::TaskRef task = make_task<F>(options, args...);
    if (!hand_over(task, /*wait=*/false)) return std::nullopt;
    return detail::HandleAccess<detail::ResultOf<F>>::make(std::move(task));
  }
  // Needs <drover/async.hpp>: waits for room without blocking, completes with (std::exception_ptr,
  // TaskHandle<R>).
  template <auto F, class Token, class... A>
  auto async_submit(Token&& token, const A&... args);

  // One call of F for each element of a range, at most `options.buffer` ahead of what was read of the results
  // (0: as many as keep the workers busy, learned from how fast they are). Elements are taken from the range
  // as they are needed; F takes one, or as many as a tuple-like element has. The range is moved or copied
  // into what is returned unless it is an lvalue, which must live as long. Ending the iteration early cancels
  // the rest. map: the values in order; a result that is no value throws where it is read, and the iteration
  // can go on.
  template <auto F, std::ranges::input_range Range>
  auto map(Range&& range, MapOptions options = {}) {
    return Map<F, std::views::all_t<Range>>(map_source(), std::views::all(std::forward<Range>(range)),
                                            options);
  }
  // map_unordered: (index, result) as they come; result.value() throws, the iteration does not.
  template <auto F, std::ranges::input_range Range>
  auto map_unordered(Range&& range, MapOptions options = {}) {
    return MapUnordered<F, std::views::all_t<Range>>(map_source(),
                                                     std::views::all(std::forward<Range>(range)), options);
  }

  // Calls F once in each worker that there is, before the tasks that are submitted later, and once in each
  // new one before its first task. A worker in which F throws or dies is replaced; too many of them give up
  // the coordinator, as RestartOptions say. The handle is ready when every worker of now has done it, and
  // throws what it threw first; it cannot be cancelled.
  template <auto F, class... A>
  TaskHandle<void> broadcast(const A&... args) {
    return broadcast_task(make_task<F>(SubmitOptions{}, args...));
  }

  // Takes no more tasks, waits until all have ended (Cancel: ends them), and until no process is left. Again:
  // does nothing more.
  void shutdown(Pending pending = Pending::Finish);

  // Runs a job file: commands, named functions, graph, retries. Its tasks run beside those submitted.
  // Throws JobFileError, CoordinatorFailed.
  JobReport run(const JobFile& file);

  [[nodiscard]] unsigned workers() const;
  // Processes of this coordinator that have died with a task in hand so far.
  [[nodiscard]] std::uint64_t workers_lost() const;
  [[nodiscard]] std::vector<int> worker_pids() const;

 private:
  friend struct detail::CoordinatorAccess;
  template <auto F, class... A>
  static detail::TaskRef make_task(const SubmitOptions& options, const A&... args) {
    static_assert(detail::require_task<F>());
    detail::TaskRef task(new detail::Task);
    task->function = detail::number_of<F>();
    detail::prepare(*task, options.name);
    if (!options.name.empty() || options.timeout.count() != 0 || options.grace || options.retries != 0) {
      detail::Extras& extras = task->more();
      extras.name = options.name;
      task->named = !options.name.empty();
      extras.timeout = options.timeout;
      extras.grace = options.grace;
      extras.retries = options.retries;
    }
    detail::encode_call<F>(*task, args...);
    return task;
  }
  bool hand_over(const detail::TaskRef& task, bool wait);
  TaskHandle<void> broadcast_task(detail::TaskRef task);
  detail::MapSource map_source();

  std::shared_ptr<detail::Pool> pool_;
};

namespace detail {

// For <drover/async.hpp> and <drover/task_group.hpp>.
struct CoordinatorAccess {
  // As submit_with. Not wanted: it is never begun and ends as Cancelled.
  template <auto F, class... A>
  static TaskHandle<ResultOf<F>> submit(Coordinator& coordinator, bool wanted, const SubmitOptions& options,
                                        const A&... args) {
    TaskRef task = Coordinator::make_task<F>(options, args...);
    if (!wanted) task->word.fetch_or(Task::kCancel, std::memory_order_relaxed);
    coordinator.hand_over(task, true);
    return HandleAccess<ResultOf<F>>::make(std::move(task));
  }
  // False: there is no room now.
  static bool hand_over(Coordinator& coordinator, const TaskRef& task) {
    return coordinator.hand_over(task, false);
  }
  // Calls once, on any thread, when there may be room for the task. False: there is now.
  static bool on_room(Coordinator& coordinator, const Task& task, std::function<void()> when_room);
};

}  // namespace detail
}  // namespace drover
