#include "runner/view/output_queue.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace drover {
namespace {

// A writer that waits for a slow reader is woken to put things away only when this much has come.
constexpr std::size_t kManyEvents = 1024;
constexpr std::uint64_t kManyFiles = 16;

std::uint64_t sum_or_most(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

}  // namespace

Result<std::unique_ptr<OutputQueue>> OutputQueue::create(std::uint64_t memory_limit,
                                                         std::uint64_t spool_limit) {
  UniqueFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return last_error("eventfd");
  return std::unique_ptr<OutputQueue>(new OutputQueue(std::move(bell), memory_limit, spool_limit));
}

// Memory may pass its limit while a terminal holds the writer or the disk is full: twice the limit is the
// end.
OutputQueue::OutputQueue(UniqueFd bell, std::uint64_t memory_limit, std::uint64_t spool_limit)
    : bell_(std::move(bell)),
      limit_{.bytes = sum_or_most(memory_limit, spool_limit),
             .memory = sum_or_most(memory_limit, memory_limit),
             .tasks = kMostTasks,
             .files = kMostFiles} {}

bool OutputQueue::worth_waking(Sleep sleep) const {
  if (abandoned_) return true;
  if (sleep == Sleep::Idle) return closed_ || !events_.empty() || status_;
  return status_ || events_.size() >= kManyEvents || queued_.memory > limit_.memory / 8 ||
         queued_.files >= kManyFiles;
}

void OutputQueue::wake(std::unique_lock<std::mutex>& lock) {
  if (sleep_ == Sleep::Awake || !worth_waking(sleep_)) return;
  sleep_ = Sleep::Awake;
  lock.unlock();
  const std::uint64_t one = 1;
  // Cannot be refused: the counter is far from full, and the descriptor is ours.
  [[maybe_unused]] const ssize_t n = ::write(bell_.get(), &one, sizeof one);
}

void OutputQueue::push(OutputEvent event, const OutputLoad& load) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  const bool same = event.kind == OutputEvent::Kind::Grown && !events_.empty() &&
                    events_.back().kind == OutputEvent::Kind::Grown && events_.back().task == event.task;
  if (same) {
    events_.back().out_size = event.out_size;
    events_.back().err_size = event.err_size;
    return;
  }
  events_.push_back(std::move(event));
  queued_.memory += load.memory;
  queued_.files += load.files;
  load_.bytes += load.bytes;
  load_.memory += load.memory;
  load_.tasks += load.tasks;
  load_.files += load.files;
  judge();
  wake(lock);
}

void OutputQueue::set_status(std::string text) {
  std::unique_lock lock(mutex_);
  status_ = std::move(text);
  wake(lock);
}

void OutputQueue::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  wake(lock);
}

void OutputQueue::abandon() {
  std::unique_lock lock(mutex_);
  abandoned_ = true;
  wake(lock);
}

void OutputQueue::take(Taken& taken) {
  DROVER_CHECK(taken.events.empty());
  const std::lock_guard lock(mutex_);
  taken.events.swap(events_);
  // A burst's memory is not kept for ever.
  if (events_.capacity() > 4 * kManyEvents) events_.shrink_to_fit();
  taken.status = std::exchange(status_, std::nullopt);
  taken.closed = closed_;
  queued_ = {};
}

bool OutputQueue::wait(int fd, std::optional<Instant> until) {
  {
    const std::lock_guard lock(mutex_);
    const Sleep sleep = fd < 0 ? Sleep::Idle : Sleep::Blocked;
    if (worth_waking(sleep)) return false;
    sleep_ = sleep;
  }
  pollfd fds[2] = {{.fd = bell_.get(), .events = POLLIN, .revents = 0},
                   {.fd = fd, .events = POLLOUT, .revents = 0}};
  timespec left{};
  if (until) {
    const auto ns = std::max<std::int64_t>((*until - now()).count(), 0);
    left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  ::ppoll(fds, 2, until ? &left : nullptr, nullptr);
  if (fds[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(bell_.get(), &count, sizeof count);
  }
  const std::lock_guard lock(mutex_);
  sleep_ = Sleep::Awake;
  return fds[1].revents != 0;
}

void OutputQueue::add(const OutputLoad& load) {
  const std::lock_guard lock(mutex_);
  load_.bytes += load.bytes;
  load_.memory += load.memory;
  load_.tasks += load.tasks;
  load_.files += load.files;
  judge();
}

bool OutputQueue::release(const OutputLoad& load) {
  const std::lock_guard lock(mutex_);
  DROVER_CHECK(load_.bytes >= load.bytes && load_.memory >= load.memory && load_.tasks >= load.tasks &&
               load_.files >= load.files);
  load_.bytes -= load.bytes;
  load_.memory -= load.memory;
  load_.tasks -= load.tasks;
  load_.files -= load.files;
  const bool was = full_;
  judge();
  return was && !full_;
}

OutputLoad OutputQueue::load() const {
  const std::lock_guard lock(mutex_);
  return load_;
}

void OutputQueue::judge() {
  const auto above = [this](std::uint64_t quarters) {
    const auto over = [quarters](std::uint64_t have, std::uint64_t limit) {
      return have > limit / 4 * quarters + (quarters == 4 ? limit % 4 : 0);
    };
    return over(load_.bytes, limit_.bytes) || over(load_.memory, limit_.memory) ||
           over(load_.tasks, limit_.tasks) || over(load_.files, limit_.files);
  };
  full_ = above(full_ ? 3 : 4);
}

}  // namespace drover
