// What a submitted task is to the threads that wait for it and to the engine that runs it. Not for users.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <drover/detail/small_buffer.hpp>

namespace drover {

// How far a task is, or how it has ended.
enum class TaskStatus : std::uint8_t {
  Queued,      // may still go to any worker
  Running,     // a worker has it, or has it next
  Succeeded,   // get() returns its value
  Failed,      // it threw
  WorkerDied,  // its worker died with it in hand
  TimedOut,
  OutOfMemory,
  Cancelled,
  CouldNotStart,  // no worker could take it
};

// What is known of a task that has ended.
struct TaskInfo {
  std::uint64_t task = 0;  // its number in its coordinator, from 1
  std::string name;        // as submitted; else "#" and the number
  TaskStatus state = TaskStatus::Queued;
  unsigned attempts = 0;                  // 0: it was never begun
  std::chrono::nanoseconds wall_time{0};  // of the last attempt
  std::string out, err;                   // what its last attempt printed, the last 64 KiB of each
};

// How far a running task says it is.
struct TaskProgress {
  std::uint64_t done = 0, total = 0;
  std::string text;
};

namespace detail {

struct SharedSegment;
struct Task;
struct TaskArray;

// Somebody who wants to hear that a task has ended. Called once, under a lock, on whatever thread ends it:
// must be short and touch no other task.
struct Follower {
  Follower* next = nullptr;
  Follower** back = nullptr;  // null: not in a list
  void (*ended)(Follower& self, Task& task) noexcept = nullptr;
};

// How a task ended, when more is to be told than its value.
struct Failure {
  int signal = 0, exit_code = 0;
  bool core_dumped = false;
  std::uint64_t peak_memory = 0, user_ns = 0, system_ns = 0;
  std::uint64_t progress_done = 0, progress_total = 0;
  std::string progress_text;
  std::string message;    // one line
  std::string exception;  // encoded: what a function threw
};

struct Extras {
  // Of the submission.
  std::string name;
  std::chrono::nanoseconds timeout{0};
  std::optional<std::chrono::nanoseconds> grace;
  std::uint32_t retries = 0;
  std::vector<std::shared_ptr<SharedSegment>> segments;
  // Of the end.
  Failure failure;
  std::string out, err;
  std::shared_ptr<void> value;  // of a continuation: made in this process
  std::exception_ptr thrown;    // likewise
};

struct Task {
  static constexpr std::uint32_t kEnded = 1, kWaitedFor = 2, kFollowed = 4, kCancel = 8;
  static constexpr std::uint32_t kContinuation = UINT32_MAX;  // as a function: runs in this process

  std::atomic<std::uint32_t> references{1};
  std::atomic<std::uint32_t> word{0};
  std::atomic<TaskStatus> state{TaskStatus::Queued};
  bool named = false;  // from the beginning: extras has the name
  std::uint16_t attempts = 0;
  std::uint32_t function = 0;
  std::uint64_t number = 0;  // in its pool; 0: not taken yet
  std::uint64_t pool = 0;    // the pool's own number
  float wall_seconds = 0;
  SmallBuffer bytes;  // arguments; then the result
  std::unique_ptr<Extras> extras;
  Follower* followers = nullptr;
  TaskArray* array = nullptr;  // one of a map's: lives in it

  [[nodiscard]] bool ended() const { return (word.load(std::memory_order_acquire) & kEnded) != 0; }
  Extras& more() {
    if (!extras) extras = std::make_unique<Extras>();
    return *extras;
  }
};

void free_task(Task* task) noexcept;

// A counted reference.
class TaskRef {
 public:
  TaskRef() = default;
  explicit TaskRef(Task* adopted) : task_(adopted) {}
  TaskRef(const TaskRef& other) : task_(other.task_) {
    if (task_ != nullptr) task_->references.fetch_add(1, std::memory_order_relaxed);
  }
  TaskRef(TaskRef&& other) noexcept : task_(other.release()) {}
  TaskRef& operator=(TaskRef other) noexcept {
    std::swap(task_, other.task_);
    return *this;
  }
  ~TaskRef() { drop(task_); }

  // Empty when the last reference is gone already.
  static TaskRef share_open(Task& task) {
    std::uint32_t count = task.references.load(std::memory_order_relaxed);
    while (count != 0)
      if (task.references.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
        return TaskRef(&task);
    return {};
  }
  static void drop(Task* task) noexcept {
    if (task != nullptr && task->references.fetch_sub(1, std::memory_order_acq_rel) == 1) free_task(task);
  }
  [[nodiscard]] Task* get() const { return task_; }
  Task* operator->() const { return task_; }
  Task& operator*() const { return *task_; }
  explicit operator bool() const { return task_ != nullptr; }
  Task* release() {
    Task* const task = task_;
    task_ = nullptr;
    return task;
  }

 private:
  Task* task_ = nullptr;
};

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

// False: it had not ended at the deadline. Throws WouldDeadlock where waiting could never end.
bool wait(Task& task, Deadline deadline = {});
// Ends a task that is nobody's but its owner's (a continuation), or that the engine has done with.
void end(Task& task, TaskStatus state);
// False: it has ended already, the follower was not added and is not called.
bool follow(Task& task, Follower& follower);
// Afterwards the follower is not called any more.
void unfollow(Task& task, Follower& follower);
// Throws what the task ended with. Precondition: it has ended, and not well.
[[noreturn]] void throw_failure(const Task& task);
[[nodiscard]] std::exception_ptr failure_of(const Task& task);

// False: it has ended, or its coordinator is gone.
bool cancel(Task& task);
[[nodiscard]] std::optional<TaskProgress> progress(Task& task);
[[nodiscard]] TaskInfo info(const Task& task);
// Runs `call` on the thread for callbacks of the task's pool, or on a common one when that is gone.
struct Callback {
  virtual ~Callback() = default;
  virtual void run() noexcept = 0;
};
void call_when_ended(TaskRef task, std::unique_ptr<Callback> callback);

}  // namespace detail
}  // namespace drover
