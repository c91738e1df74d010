// The engine on a thread of its own, fed by any number of the embedding program's threads. The middle between
// detail::Task, which they wait on, and the plan, which knows numbers only.
//
// Tasks go in through a queue under a mutex, taken over as a whole; everything else that threads want of the
// engine is a request that it runs between two turns. It is woken by an eventfd, and only when it sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <drover/coordinator.hpp>

#include "common/unique_fd.hpp"
#include "runner/library/callbacks.hpp"
#include "runner/library/open_tasks.hpp"
#include "runner/plan/plan.hpp"
#include "runner/pool/engine.hpp"

namespace drover::detail {

class Pool final : private EngineHost {
 public:
  // Throws CoordinatorFailed.
  static std::shared_ptr<Pool> start(const Options& options);
  ~Pool() override;

  // Take over one reference of each task. False: there is no room, and the reference stays the caller's.
  // Throw ShutDown, CoordinatorFailed, with the same effect.
  bool submit(Task* task, bool wait);
  void submit_all(std::span<Task* const> tasks);
  // Calls `when_room` once, on any thread, when there may be room for the task. False: there is now, or never
  // will be.
  bool on_room(const Task& task, std::function<void()> when_room);
  void broadcast(const TaskRef& task);
  // No task will refer to this shared memory any more.
  void forget_segment(std::uint64_t id);

  // Of tasks of this pool.
  void cancel(const TaskRef& task);
  void cancel_all(std::vector<TaskRef> tasks);
  [[nodiscard]] std::optional<TaskProgress> progress(const Task& task);

  // Waits until nothing is left of the pool. Again: does nothing.
  void shutdown(Pending pending);
  [[nodiscard]] unsigned workers() const { return workers_; }
  [[nodiscard]] std::uint64_t workers_lost() const { return workers_lost_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::vector<int> worker_pids();
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const std::shared_ptr<Callbacks>& callbacks() const { return callbacks_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] int image() const { return image_.get(); }

 private:
  using GroupKey = std::tuple<std::uint32_t, std::int64_t, std::int64_t>;  // function, timeout, grace

  explicit Pool(const Options& options);
  void open();
  void run();
  void end_queued(TaskStatus state, const std::string& why);
  void end_unseen(Task* task, TaskStatus state, const std::string& why);
  void end_rest(TaskStatus state, const std::string& why);
  void tell_of_room();
  // False: the engine has ended, nothing will be done.
  bool request(std::function<void()> what);
  void wake_engine(unsigned asleep_for);
  void check_open() const;  // the mutex is held
  bool has_room(std::uint64_t bytes) const;

  bool feed(Plan& plan, std::vector<Action>& actions) override;
  bool may_start() override { return true; }
  void pack(const TaskRun& run, SlotNumber slot, Shipment& shipment) override;
  void on_given(TaskId task, Attempt attempt, SlotNumber slot) override;
  void on_live(TaskId, UniqueFd, UniqueFd) override {}
  void on_grown(TaskId, std::uint64_t, std::uint64_t) override {}
  void on_report(TaskId task, Attempt attempt, Report& report, bool retried) override;
  void on_quiet_success(TaskId first, std::uint32_t count, Attempt attempt) override;
  void on_result(TaskId task, Attempt attempt, std::uint64_t wall_ns, std::string_view result) override;
  void on_set_up(std::uint32_t number, Report& report) override;
  void on_set_up_done(std::uint32_t number) override;
  void on_actions(const std::vector<Action>& actions) override;
  void on_notice(std::string text) override { last_notice_ = std::move(text); }
  bool on_turn() override;
  bool may_sleep(bool wants_input) override;
  std::optional<Instant> next_wake() override { return tell_of_room_at_; }
  void tick(Instant at) override;

  void add(Plan& plan, std::vector<Action>& actions, std::size_t count);
  [[nodiscard]] std::uint32_t group_of(const Task& task);
  void finish(Task* task, TaskStatus state, Attempt attempts);
  void keep_output(Task& task, Report& report);
  void forward_output(Report& report);
  [[nodiscard]] static std::vector<SharedPart> shared_parts(const Task& task);
  bool take_requests();

  const Options options_;
  const std::uint64_t number_;
  unsigned workers_ = 1;
  UniqueFd
      standard_[3];  // of descriptors 0 to 2 those that the host has closed: nothing of ours is to be there
  UniqueFd image_, bell_;
  bool forwards_[2] = {};  // what functions print to stdout, to stderr: not where the host had closed it
  std::shared_ptr<Callbacks> callbacks_ = std::make_shared<Callbacks>();
  std::atomic<std::uint64_t> workers_lost_{0};
  std::atomic<pid_t> owner_{0};

  // Shared with all threads.
  std::mutex mutex_;
  std::vector<Task*> queue_;
  std::vector<std::function<void()>> requests_;
  std::vector<std::function<void()>> when_room_;
  std::condition_variable room_;
  bool closing_ = false;  // takes no more tasks
  bool ended_ = false;    // the engine has run
  std::string failure_;
  std::atomic<std::uint64_t> open_tasks_{0}, open_bytes_{0};
  std::atomic<unsigned> waiting_for_room_{0}, open_broadcasts_{0};
  std::atomic<bool> queued_{false}, requested_{false}, closing_told_{false};
  std::atomic<unsigned> asleep_{0};  // 1: for requests, 2: for tasks, too
  std::mutex joining_;
  std::thread thread_;

  // The engine's thread only.
  Plan plan_{HaltPolicy{}, FinalStates::Forgotten};
  std::unique_ptr<Engine> engine_;
  std::vector<Task*> taking_;  // taken over, not in the plan yet from taken_ on
  std::size_t taken_ = 0;
  bool input_ended_ = false;
  OpenTasks tasks_;
  std::map<GroupKey, std::uint32_t> groups_;
  std::vector<Task*> to_wake_;
  std::vector<TaskArray*> arrays_;  // with tasks that have ended in this turn
  std::uint64_t ended_tasks_ = 0, ended_bytes_ = 0;
  std::optional<Instant> tell_of_room_at_;
  struct Broadcast {
    TaskRef task;
    bool done = false;
  };
  std::vector<Broadcast> broadcasts_;
  std::string last_notice_;
};

// The pool with this number, while it is there.
std::shared_ptr<Pool> find_pool(std::uint64_t number);
// Its callbacks' thread.
std::shared_ptr<Callbacks> find_callbacks(std::uint64_t number);
// This process was forked from the one that made the pool.
[[nodiscard]] bool forked(std::uint64_t pool);

}  // namespace drover::detail
