#include <drover/detail/task.hpp>

#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <drover/error.hpp>
#include <drover/task_handle.hpp>

#include "common/exception_wire.hpp"
#include "runner/library/ending.hpp"
#include "runner/library/map_state.hpp"
#include "runner/library/pool.hpp"

namespace drover::detail {
namespace {

constexpr std::size_t kKeptOutput = 64 * 1024;

std::mutex& mutex_of(const Task& task) {
  static std::array<std::mutex, 64> all;
  return all[(reinterpret_cast<std::uintptr_t>(&task) >> 7) % all.size()];
}

void link(Task& task, Follower& follower) {
  follower.next = task.followers;
  follower.back = &task.followers;
  if (task.followers != nullptr) task.followers->back = &follower.next;
  task.followers = &follower;
}

void unlink(Follower& follower) {
  *follower.back = follower.next;
  if (follower.next != nullptr) follower.next->back = follower.back;
  follower.next = nullptr;
  follower.back = nullptr;
}

// In this process only: not the futex of a lane.
bool sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t expected, const Deadline& deadline) {
  timespec until{};
  if (deadline) {
    const auto since =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline->time_since_epoch()).count();
    if (since <= 0) return false;
    until.tv_sec = static_cast<time_t>(since / 1'000'000'000);
    until.tv_nsec = static_cast<long>(since % 1'000'000'000);
  }
  const long slept = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                               deadline ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
  return slept == 0 || errno != ETIMEDOUT;
}

std::string shown_name(const Task& task) {
  if (task.extras && !task.extras->name.empty()) return task.extras->name;
  return "#" + std::to_string(task.number);
}

RemoteStory story_of(const Task& task) {
  RemoteStory story;
  story.task = task.number;
  if (task.extras) story.task_name = task.extras->name;
  story.attempt = task.attempts;
  if (task.extras) story.stderr_tail = task.extras->err;
  return story;
}

std::exception_ptr died(const Task& task, const Failure& failure) {
  WorkerAccount account;
  account.signal = failure.signal;
  account.exit_code = failure.exit_code;
  account.core_dumped = failure.core_dumped;
  account.out_of_memory = task.state.load() == TaskStatus::OutOfMemory;
  account.peak_memory_bytes = failure.peak_memory;
  account.user_time = std::chrono::nanoseconds(failure.user_ns);
  account.system_time = std::chrono::nanoseconds(failure.system_ns);
  account.wall_time =
      std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(task.wall_seconds) * 1e9));
  account.progress_done = failure.progress_done;
  account.progress_total = failure.progress_total;
  account.progress_text = failure.progress_text;
  account.stderr_tail = task.extras->err;
  account.message = failure.message;
  account.attempts = task.attempts;
  account.task = task.number;
  account.task_name = task.extras->name;
  return std::make_exception_ptr(WorkerDied(std::move(account)));
}

}  // namespace

void free_task(Task* task) noexcept {
  if (TaskArray* const array = task->array)
    TaskArray::drop(array);
  else
    delete task;
}

void wake_all(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

namespace {

// Why this thread would wait for ever; null: it would not.
const char* hopeless(const Task& task) {
  if (task.ended()) return nullptr;
  if (forked(task.pool))
    return "drover: this process was forked from the one that runs the task and never hears of its end";
  if (const auto callbacks = task.function == Task::kContinuation ? find_callbacks(task.pool) : nullptr;
      callbacks && callbacks->on_this_thread())
    return "drover: a continuation waits for another one of the same thread; use then() instead";
  return nullptr;
}

}  // namespace

bool wait(Task& task, Deadline deadline) {
  if (task.ended()) return true;
  if (const char* const why = hopeless(task)) throw WouldDeadlock(why);
  std::uint32_t seen = task.word.fetch_or(Task::kWaitedFor, std::memory_order_acq_rel) | Task::kWaitedFor;
  while ((seen & Task::kEnded) == 0) {
    if (!sleep_on(task.word, seen, deadline)) return task.ended();
    if (deadline && std::chrono::steady_clock::now() >= *deadline) return task.ended();
    seen = task.word.load(std::memory_order_acquire);
  }
  return true;
}

void tell_followers(Task& task) {
  const std::scoped_lock lock(mutex_of(task));
  while (Follower* const follower = task.followers) {
    unlink(*follower);
    follower->ended(*follower, task);
  }
}

void end(Task& task, TaskStatus state) {
  const TaskRef kept = [&] {
    task.references.fetch_add(1, std::memory_order_relaxed);
    return TaskRef(&task);
  }();
  task.state.store(state, std::memory_order_relaxed);
  const std::uint32_t before = task.word.fetch_or(Task::kEnded, std::memory_order_acq_rel);
  if ((before & Task::kFollowed) != 0) tell_followers(task);
  if ((before & Task::kWaitedFor) != 0) wake_all(task.word);
}

bool follow(Task& task, Follower& follower) {
  const std::scoped_lock lock(mutex_of(task));
  if (task.ended()) return false;
  link(task, follower);
  if ((task.word.fetch_or(Task::kFollowed, std::memory_order_acq_rel) & Task::kEnded) == 0) return true;
  // It ended just now, and nobody looks for followers any more.
  unlink(follower);
  return false;
}

void unfollow(Task& task, Follower& follower) {
  const std::scoped_lock lock(mutex_of(task));
  if (follower.back != nullptr) unlink(follower);
}

std::exception_ptr failure_of(const Task& task) {
  static const Failure none;
  const Failure& failure = task.extras ? task.extras->failure : none;
  if (task.extras && task.extras->thrown) return task.extras->thrown;
  switch (task.state.load(std::memory_order_relaxed)) {
    case TaskStatus::Queued:
    case TaskStatus::Running:
    case TaskStatus::Succeeded:
      return nullptr;
    case TaskStatus::Failed: {
      ExceptionRecord record;
      if (!failure.exception.empty() && decode_exception(failure.exception, record))
        return rebuild(record, story_of(task));
      return std::make_exception_ptr(RemoteError(failure.message, RemoteDetails(story_of(task))));
    }
    case TaskStatus::WorkerDied:
    case TaskStatus::OutOfMemory:
      return died(task, failure);
    case TaskStatus::TimedOut:
      return std::make_exception_ptr(TimedOut(story_of(task), task.extras->timeout));
    case TaskStatus::Cancelled:
      return std::make_exception_ptr(Cancelled(story_of(task)));
    case TaskStatus::CouldNotStart:
      return std::make_exception_ptr(CoordinatorFailed("drover: " + failure.message));
  }
  return nullptr;
}

void throw_failure(const Task& task) {
  std::rethrow_exception(failure_of(task));
}

bool cancel(Task& task) {
  if (task.ended() || forked(task.pool)) return false;
  const auto pool = find_pool(task.pool);
  if (!pool || task.function == Task::kContinuation) return false;
  task.references.fetch_add(1, std::memory_order_relaxed);
  pool->cancel(TaskRef(&task));
  return true;
}

std::optional<TaskProgress> progress(Task& task) {
  if (task.ended() || forked(task.pool)) return std::nullopt;
  const auto pool = find_pool(task.pool);
  return pool ? pool->progress(task) : std::nullopt;
}

TaskInfo info(const Task& task) {
  TaskInfo info;
  const bool ended = task.ended();
  info.state = task.state.load(std::memory_order_acquire);
  if (task.named) info.name = task.extras->name;
  if (!ended) return info;
  info.name = shown_name(task);
  info.task = task.number;
  info.attempts = task.attempts;
  info.wall_time =
      std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(task.wall_seconds) * 1e9));
  if (task.extras) {
    info.out = task.extras->out;
    info.err = task.extras->err;
  }
  return info;
}

TaskStatus status_of(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::Succeeded:
      return TaskStatus::Succeeded;
    case OutcomeKind::Failed:
    case OutcomeKind::Signaled:
      return TaskStatus::Failed;
    case OutcomeKind::WorkerLost:
      return TaskStatus::WorkerDied;
    case OutcomeKind::TimedOut:
      return TaskStatus::TimedOut;
    case OutcomeKind::OutOfMemory:
      return TaskStatus::OutOfMemory;
    case OutcomeKind::Cancelled:
      return TaskStatus::Cancelled;
    case OutcomeKind::CouldNotStart:
      return TaskStatus::CouldNotStart;
  }
  return TaskStatus::Failed;
}

void fill_failure(Failure& failure, Report& report) {
  const Outcome& outcome = report.outcome;
  failure.signal = outcome.signal;
  failure.exit_code = outcome.exit_code;
  failure.core_dumped = outcome.core_dumped;
  failure.peak_memory = outcome.usage.max_rss_kib * 1024;
  failure.user_ns = outcome.usage.user_ns;
  failure.system_ns = outcome.usage.system_ns;
  failure.progress_done = report.progress_done;
  failure.progress_total = report.progress_total;
  failure.progress_text = report.progress_text;
  failure.message = outcome.message.empty() ? describe(outcome) : outcome.message;
  failure.exception = std::move(report.value);
}

std::string last_of(const CapturedStream& stream) {
  if (!stream.spool)
    return stream.head.size() <= kKeptOutput ? stream.head
                                             : stream.head.substr(stream.head.size() - kKeptOutput);
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(stream.size, kKeptOutput)), '\0');
  const ssize_t got =
      ::pread(stream.spool.get(), bytes.data(), bytes.size(), static_cast<off_t>(stream.size - bytes.size()));
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

void write_all(int fd, const CapturedStream& stream) {
  const auto put = [fd](const char* bytes, std::size_t size) {
    while (size != 0) {
      const ssize_t written = ::write(fd, bytes, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
    return true;
  };
  if (!stream.spool) {
    (void)put(stream.head.data(), stream.head.size());
    return;
  }
  std::string chunk(kKeptOutput, '\0');
  for (std::uint64_t at = 0; at < stream.size;) {
    const ssize_t got =
        ::pread(stream.spool.get(), chunk.data(),
                static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), stream.size - at)),
                static_cast<off_t>(at));
    if (got <= 0 || !put(chunk.data(), static_cast<std::size_t>(got))) return;
    at += static_cast<std::uint64_t>(got);
  }
}

namespace {

// Hands the callback over to the callbacks' thread.
struct CallLater final : Follower {
  TaskRef task;
  std::unique_ptr<Callback> callback;
  std::shared_ptr<Callbacks> callbacks;  // null: the pool is gone

  static void call(Follower& self, Task&) noexcept { hand_over(static_cast<CallLater*>(&self)); }
  static void hand_over(CallLater* owned) {
    const std::shared_ptr<CallLater> call(owned);
    if (!call->callbacks || !call->callbacks->post([call] { call->callback->run(); })) call->callback->run();
  }
};

}  // namespace

void call_when_ended(TaskRef task, std::unique_ptr<Callback> callback) {
  auto call = std::make_unique<CallLater>();
  call->task = std::move(task);
  call->callback = std::move(callback);
  call->callbacks = find_callbacks(call->task->pool);
  call->ended = CallLater::call;
  Task& followed = *call->task;
  CallLater* const owned = call.release();
  if (!follow(followed, *owned)) CallLater::hand_over(owned);
}

// --- several tasks at once

struct Gathering::Node final : Follower {
  TaskRef task;
  const char* hopeless = nullptr;
  std::size_t place = 0;
  Shared* shared = nullptr;
};

struct Gathering::Shared {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::size_t> ended;
  std::deque<Node> nodes;
  std::size_t left = 0, hopeless = 0;

  void tell(std::size_t place) {
    const std::scoped_lock lock(mutex);
    ended.push_back(place);
    wake.notify_one();
  }
};

Gathering::~Gathering() {
  if (!shared_) return;
  for (Node& node : shared_->nodes) unfollow(*node.task, node);
}

void Gathering::add(TaskRef task) {
  if (!shared_) shared_ = std::make_shared<Shared>();
  Node& node = shared_->nodes.emplace_back();
  node.task = std::move(task);
  node.place = shared_->nodes.size() - 1;
  node.shared = shared_.get();
  node.ended = [](Follower& self, Task&) noexcept {
    const auto& ended = static_cast<Node&>(self);
    ended.shared->tell(ended.place);
  };
  node.hopeless = hopeless(*node.task);
  ++shared_->left;
  if (node.hopeless != nullptr) ++shared_->hopeless;
  if (!follow(*node.task, node)) shared_->tell(node.place);
}

std::size_t Gathering::size() const {
  return shared_ ? shared_->nodes.size() : 0;
}

std::optional<std::size_t> Gathering::next(Deadline deadline) {
  if (!shared_ || shared_->left == 0) return std::nullopt;
  std::unique_lock lock(shared_->mutex);
  const auto any = [this] { return !shared_->ended.empty(); };
  if (!any() && shared_->hopeless == shared_->left)
    for (const Node& node : shared_->nodes)
      if (node.hopeless != nullptr) throw WouldDeadlock(node.hopeless);
  if (!deadline)
    shared_->wake.wait(lock, any);
  else if (!shared_->wake.wait_until(lock, *deadline, any))
    return std::nullopt;
  const std::size_t place = shared_->ended.front();
  shared_->ended.pop_front();
  --shared_->left;
  if (shared_->nodes[place].hopeless != nullptr) --shared_->hopeless;
  return place;
}

}  // namespace drover::detail
