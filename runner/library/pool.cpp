#include "runner/library/pool.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <future>
#include <system_error>
#include <utility>

#include <drover/error.hpp>
#include <drover/worker_main.hpp>

#include <drover/detail/shared_segment.hpp>
#include "common/check.hpp"
#include "common/doorbell.hpp"
#include "runner/library/ending.hpp"
#include "runner/library/engine_options.hpp"
#include "runner/library/map_state.hpp"
#include "runner/library/quiet_thread.hpp"
#include "runner/pool/cpus.hpp"

namespace drover::detail {
namespace {

// Tasks that are added to the plan between two looks at the lanes.
constexpr std::size_t kFeedAtOnce = 8192;
// Kinds of calls whose length is estimated apart.
constexpr std::size_t kMostGroups = 256;
// How long there may be room, but not much, before those who wait for some are told.
constexpr Duration kPatience = std::chrono::milliseconds(2);

std::mutex pools_mutex;
std::map<std::uint64_t, std::weak_ptr<Pool>>& pools() {
  static auto* const all = new std::map<std::uint64_t, std::weak_ptr<Pool>>;  // outlives every static object
  return *all;
}
std::atomic<std::uint64_t> last_pool{0};

// In a forked child: the pools up to this number are its parent's.
std::atomic<std::uint64_t> parents_pools{0};
void note_forks() {
  static const int once = ::pthread_atfork([] { pools_mutex.lock(); }, [] { pools_mutex.unlock(); },
                                           [] {
                                             parents_pools.store(last_pool.load());
                                             pools_mutex.unlock();
                                           });
  (void)once;
}

void forget_segment_everywhere(std::uint64_t id) noexcept;

std::uint64_t bytes_of(const Task& task) {
  return task.bytes.size();
}

}  // namespace

bool forked(std::uint64_t pool) {
  return pool <= parents_pools.load(std::memory_order_relaxed);
}

std::shared_ptr<Pool> find_pool(std::uint64_t number) {
  if (forked(number)) return nullptr;
  const std::scoped_lock lock(pools_mutex);
  const auto at = pools().find(number);
  return at == pools().end() ? nullptr : at->second.lock();
}

std::shared_ptr<Callbacks> find_callbacks(std::uint64_t number) {
  const auto pool = find_pool(number);
  return pool ? pool->callbacks() : nullptr;
}

Pool::Pool(const Options& options) : options_(options), number_(last_pool.fetch_add(1) + 1) {
  workers_ = options.workers != 0 ? options.workers : usable_cpus();
}

Pool::~Pool() {
  // The host may have put something of its own there, which is passed on at exec, as ours is not.
  for (UniqueFd& each : standard_)
    if (each && (::fcntl(each.get(), F_GETFD) & FD_CLOEXEC) == 0) (void)each.release();
}

std::shared_ptr<Pool> Pool::start(const Options& options) {
  note_forks();
  on_segment_gone(forget_segment_everywhere);
  std::shared_ptr<Pool> pool(new Pool(options));
  pool->open();
  const std::scoped_lock lock(pools_mutex);
  pools()[pool->number_] = pool;
  return pool;
}

void Pool::open() {
  const auto refuse = [](const Error& error) { throw CoordinatorFailed("drover: " + error.text()); };
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
    forwards_[stream == STDERR_FILENO] =
        options_.output == FunctionOutput::Forward && ::fcntl(stream, F_GETFD) >= 0;
  for (UniqueFd& each : standard_) {
    each = UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (each.get() > STDERR_FILENO) each.reset();
  }
  bell_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell_) refuse(last_error("eventfd"));
  const std::string image = options_.worker_program.empty() ? "/proc/self/exe" : options_.worker_program;
  image_ = UniqueFd(::open(image.c_str(), O_RDONLY | O_CLOEXEC));
  if (!image_) refuse(last_error("open the worker program", image));
  EngineOptions engine = engine_options(options_, image_.get());
  engine.functions = function_names();
  // Also when a keeper is replaced, by the engine's thread, which blocks all.
  ::pthread_sigmask(SIG_SETMASK, nullptr, &engine.mask.emplace());
  auto started = Engine::start(std::move(engine), plan_, *this);
  if (!started) refuse(started.error());
  engine_ = std::move(started.value());
  if (auto watched = engine_->poller().watch(bell_.get(), Poller::Trigger::Edge, [] {}); !watched)
    refuse(watched.error());
  try {
    thread_ = start_quiet_thread([this] { run(); });
  } catch (const std::system_error& failed) {
    refuse({"start a thread", {}, failed.code().value()});
  }
}

// --- the engine's thread

void Pool::run() {
  ::pthread_setname_np(::pthread_self(), "drover");
  const Status ended = engine_->run();
  const std::string why = ended ? std::string() : ended.error().text();
  // Whoever asks from here on is refused; what was asked before is done.
  std::vector<std::function<void()>> requests;
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    closing_ = true;
    failure_ = why;
    requests.swap(requests_);
  }
  for (const auto& each : requests) each();
  end_rest(ended ? TaskStatus::Cancelled : TaskStatus::CouldNotStart, why);
  (void)on_turn();
  engine_.reset();  // waits until no process is left
}

// Tasks that the plan has not seen.
void Pool::end_queued(TaskStatus state, const std::string& why) {
  std::vector<Task*> left;
  {
    const std::scoped_lock lock(mutex_);
    left.swap(queue_);
  }
  left.insert(left.begin(), taking_.begin() + static_cast<std::ptrdiff_t>(taken_), taking_.end());
  taking_.clear();
  taken_ = 0;
  for (Task* task : left) end_unseen(task, state, why);
}

void Pool::end_unseen(Task* task, TaskStatus state, const std::string& why) {
  ++ended_tasks_;
  ended_bytes_ += bytes_of(*task);
  if (!why.empty()) task->more().failure.message = why;
  finish(task, state, 0);
}

void Pool::end_rest(TaskStatus state, const std::string& why) {
  end_queued(state, why);
  std::vector<Task*> left;
  tasks_.for_each([&](Task* task) { left.push_back(task); });
  for (Task* task : left) {
    (void)tasks_.take(task->number);
    end_unseen(task, state, why);
  }
  for (Broadcast& each : broadcasts_) {
    if (std::exchange(each.done, true)) continue;
    // One that has failed somewhere keeps that for its story.
    const TaskStatus told = each.task->state.load(std::memory_order_relaxed);
    if (told == TaskStatus::Queued) each.task->more().failure.message = why;
    end(*each.task, told == TaskStatus::Queued ? state : told);
  }
}

bool Pool::feed(Plan& plan, std::vector<Action>& actions) {
  asleep_.store(0, std::memory_order_relaxed);
  if (input_ended_) return false;
  bool closing = false;
  if (taken_ == taking_.size()) {
    taking_.clear();
    taken_ = 0;
    if (!queued_.load(std::memory_order_relaxed) && !closing_told_.load(std::memory_order_relaxed))
      return false;
    const std::scoped_lock lock(mutex_);
    taking_.swap(queue_);
    queued_.store(false, std::memory_order_relaxed);
    closing = closing_;
  }
  (void)take_requests();  // what was asked before these were submitted comes before them
  const std::size_t before = taken_;
  add(plan, actions, kFeedAtOnce);
  if (closing && taken_ == taking_.size() && open_broadcasts_.load(std::memory_order_relaxed) == 0) {
    input_ended_ = true;
    plan.input_ended(actions);
  }
  return taken_ != before;
}

// Tasks of one sort that follow one another are added together.
void Pool::add(Plan& plan, std::vector<Action>& actions, std::size_t count) {
  const std::size_t end = std::min(taking_.size(), taken_ + count);
  const auto plain = [](const Task& task) {
    return !task.extras ||
           (task.extras->timeout.count() == 0 && task.extras->retries == 0 && !task.extras->grace);
  };
  while (taken_ < end) {
    Task& first = *taking_[taken_];
    if ((first.word.load(std::memory_order_relaxed) & Task::kCancel) != 0) {
      ++taken_;
      end_unseen(&first, TaskStatus::Cancelled, {});
      continue;
    }
    std::size_t last = taken_ + 1;
    if (plain(first))
      while (last < end && taking_[last]->function == first.function && plain(*taking_[last]) &&
             (taking_[last]->word.load(std::memory_order_relaxed) & Task::kCancel) == 0)
        ++last;
    const auto together = static_cast<std::uint32_t>(last - taken_);
    const std::uint32_t retries = first.extras ? first.extras->retries : 0;
    const std::uint32_t group = group_of(first);
    TaskId number = plan.counts().total + 1;
    for (std::size_t i = taken_; i < last; ++i, ++number) {
      taking_[i]->number = number;
      tasks_.add(number, taking_[i]);
    }
    taken_ = last;
    if (group != kMostGroups) {
      plan.add_run(together, TaskKind::Function, group, retries, actions);
      continue;
    }
    // One of too many sorts, which have this group in common: each travels by itself.
    const PlanTask alone{
        .kind = TaskKind::Function, .group = group, .retries = retries, .after = {}, .alone = true};
    for (std::uint32_t i = 0; i < together; ++i) plan.add(alone, actions);
  }
}

std::uint32_t Pool::group_of(const Task& task) {
  const GroupKey key{task.function, task.extras ? task.extras->timeout.count() : 0,
                     task.extras && task.extras->grace ? task.extras->grace->count() : -1};
  const auto at = groups_.find(key);
  if (at != groups_.end()) return at->second;
  if (groups_.size() >= kMostGroups) return kMostGroups;
  const auto number = static_cast<std::uint32_t>(groups_.size());
  groups_.emplace(key, number);
  return number;
}

std::vector<SharedPart> Pool::shared_parts(const Task& task) {
  std::vector<SharedPart> parts;
  if (!task.extras) return parts;
  for (const auto& segment : task.extras->segments)
    parts.push_back(
        {.id = segment->id(), .fd = segment->fd(), .size = segment->size(), .writable = segment->writable()});
  return parts;
}

void Pool::pack(const TaskRun& run, SlotNumber, Shipment& shipment) {
  shipment.grace = options_.grace;
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const Task* const task = tasks_.find(run.first + i);
    DROVER_CHECK(task != nullptr);
    shipment.args.push_back(task->bytes.view());
    if (i == 0) shipment.function = task->function;
    if (!task->extras) continue;
    shipment.timeout = task->extras->timeout;
    shipment.grace = task->extras->grace.value_or(options_.grace);
    for (SharedPart& part : shared_parts(*task)) shipment.shared.push_back(part);
  }
}

void Pool::on_given(TaskId number, Attempt, SlotNumber) {
  if (Task* const task = tasks_.find(number))
    task->state.store(TaskStatus::Running, std::memory_order_relaxed);
}

void Pool::on_result(TaskId number, Attempt attempt, std::uint64_t wall_ns, std::string_view result) {
  Task* const task = tasks_.take(number);
  if (task == nullptr) return;
  ++ended_tasks_;
  ended_bytes_ += bytes_of(*task);
  task->bytes.assign(result);
  task->wall_seconds = static_cast<float>(static_cast<double>(wall_ns) * 1e-9);
  finish(task, TaskStatus::Succeeded, attempt);
}

void Pool::on_quiet_success(TaskId first, std::uint32_t count, Attempt attempt) {
  for (TaskId number = first; number < first + count; ++number) {
    Task* const task = tasks_.take(number);
    if (task == nullptr) continue;
    ++ended_tasks_;
    ended_bytes_ += bytes_of(*task);
    task->bytes.clear();
    finish(task, TaskStatus::Succeeded, attempt);
  }
}

void Pool::on_report(TaskId number, Attempt attempt, Report& report, bool retried) {
  workers_lost_.store(engine_->workers_lost(), std::memory_order_relaxed);
  if (retried) {
    if (Task* const task = tasks_.find(number)) {
      task->state.store(TaskStatus::Queued, std::memory_order_relaxed);
      keep_output(*task, report);
    }
    return;
  }
  Task* const task = tasks_.take(number);
  if (task == nullptr) return;
  ++ended_tasks_;
  ended_bytes_ += bytes_of(*task);
  task->wall_seconds = static_cast<float>(static_cast<double>(report.outcome.wall_ns) * 1e-9);
  if (report.outcome.succeeded()) {
    task->bytes.reset();
    task->bytes.assign(report.plain ? report.out.head : report.value);
  } else {
    task->bytes.reset();
    fill_failure(task->more().failure, report);
  }
  if (!report.plain) keep_output(*task, report);
  finish(task, status_of(report.outcome.kind), attempt);
}

// One reference is ours; it is given back here, or after those who wait were woken.
void Pool::finish(Task* task, TaskStatus state, Attempt attempts) {
  task->attempts = static_cast<std::uint16_t>(std::min<Attempt>(attempts, UINT16_MAX));
  if (task->extras) task->extras->segments.clear();
  task->state.store(state, std::memory_order_relaxed);
  if (TaskArray* const array = task->array) {
    if (array->told.empty()) arrays_.push_back(array);
    array->told.push_back(task);
    task->word.store(Task::kEnded, std::memory_order_release);
    return;
  }
  const std::uint32_t before = task->word.fetch_or(Task::kEnded, std::memory_order_acq_rel);
  if ((before & Task::kFollowed) != 0) tell_followers(*task);
  if ((before & Task::kWaitedFor) != 0)
    to_wake_.push_back(task);
  else
    TaskRef::drop(task);
}

void Pool::on_actions(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    if (action.kind != Action::Kind::Final || action.state != TaskState::Cancelled) continue;
    // Those that were never begun: of the others there was a report.
    for (TaskId number = action.task; number < action.task + action.count; ++number) {
      Task* const task = tasks_.take(number);
      if (task == nullptr) continue;
      ++ended_tasks_;
      ended_bytes_ += bytes_of(*task);
      finish(task, TaskStatus::Cancelled, action.attempt);
    }
  }
}

void Pool::keep_output(Task& task, Report& report) {
  for (const bool err : {false, true}) {
    CapturedStream& stream = err ? report.err : report.out;
    if (task.extras || stream.size != 0) (err ? task.more().err : task.more().out) = last_of(stream);
  }
  forward_output(report);
}

void Pool::forward_output(Report& report) {
  for (const bool err : {false, true}) {
    CapturedStream& stream = err ? report.err : report.out;
    if (stream.size == 0 || !forwards_[err]) continue;
    auto shared = std::make_shared<CapturedStream>(std::move(stream));
    callbacks_->post([shared, fd = err ? STDERR_FILENO : STDOUT_FILENO] { write_all(fd, *shared); });
  }
}

void Pool::on_set_up(std::uint32_t number, Report& report) {
  if (!report.plain) forward_output(report);
  if (number >= broadcasts_.size() || broadcasts_[number].done || report.outcome.succeeded()) return;
  Task& task = *broadcasts_[number].task;
  if (task.extras && !task.extras->failure.message.empty()) return;  // the first one is told
  fill_failure(task.more().failure, report);
  task.state.store(status_of(report.outcome.kind), std::memory_order_relaxed);
}

void Pool::on_set_up_done(std::uint32_t number) {
  if (number >= broadcasts_.size() || std::exchange(broadcasts_[number].done, true)) return;
  open_broadcasts_.fetch_sub(1, std::memory_order_relaxed);
  Task& task = *broadcasts_[number].task;
  const TaskStatus state = task.state.load(std::memory_order_relaxed);
  task.bytes.reset();
  end(task, state == TaskStatus::Queued ? TaskStatus::Succeeded : state);
}

bool Pool::on_turn() {
  if (ended_tasks_ != 0) {
    open_bytes_.fetch_sub(std::exchange(ended_bytes_, 0), std::memory_order_relaxed);
    const std::uint64_t left = open_tasks_.fetch_sub(ended_tasks_, std::memory_order_seq_cst) - ended_tasks_;
    ended_tasks_ = 0;
    // Whoever waits for room is woken when half of it is free, not for each task, unless tasks are long.
    if (waiting_for_room_.load(std::memory_order_seq_cst) != 0) {
      if (left <= options_.max_queued / 2)
        tell_of_room();
      else if (!tell_of_room_at_)
        tell_of_room_at_ = now() + kPatience;
    }
  }
  for (TaskArray* array : arrays_) array->turn();
  arrays_.clear();
  for (Task* task : to_wake_) {
    wake_all(task->word);
    TaskRef::drop(task);
  }
  to_wake_.clear();
  return take_requests();
}

void Pool::tell_of_room() {
  tell_of_room_at_.reset();
  std::vector<std::function<void()>> calls;
  {
    const std::scoped_lock lock(mutex_);
    room_.notify_all();
    calls.swap(when_room_);
    waiting_for_room_ -= static_cast<unsigned>(calls.size());
  }
  for (const auto& each : calls) each();
}

void Pool::tick(Instant at) {
  if (tell_of_room_at_ && *tell_of_room_at_ <= at) tell_of_room();
}

bool Pool::take_requests() {
  if (!requested_.load(std::memory_order_relaxed)) return false;
  std::vector<std::function<void()>> requests;
  {
    const std::scoped_lock lock(mutex_);
    requests.swap(requests_);
    requested_.store(false, std::memory_order_relaxed);
  }
  for (const auto& each : requests) each();
  return true;
}

bool Pool::may_sleep(bool wants_input) {
  asleep_.store(wants_input ? 2 : 1, std::memory_order_seq_cst);
  const bool input = wants_input && !input_ended_ &&
                     (queued_.load(std::memory_order_seq_cst) || taken_ != taking_.size() ||
                      (closing_told_.load(std::memory_order_seq_cst) && open_broadcasts_.load() == 0));
  if (!input && !requested_.load(std::memory_order_seq_cst)) return true;
  asleep_.store(0, std::memory_order_relaxed);
  return false;
}

// --- any thread

void Pool::wake_engine(unsigned asleep_for) {
  if (asleep_.load(std::memory_order_seq_cst) < asleep_for ||
      asleep_.exchange(0, std::memory_order_seq_cst) == 0)
    return;
  const std::uint64_t one = 1;
  (void)!::write(bell_.get(), &one, sizeof one);
}

void Pool::check_open() const {
  if (!failure_.empty()) throw CoordinatorFailed("drover: " + failure_);
  if (closing_) throw ShutDown();
}

bool Pool::has_room(std::uint64_t bytes) const {
  const std::uint64_t tasks = open_tasks_.load(std::memory_order_seq_cst);
  return tasks == 0 || (tasks < options_.max_queued &&
                        open_bytes_.load(std::memory_order_relaxed) + bytes <= options_.max_queued_bytes);
}

bool Pool::submit(Task* task, bool wait) {
  if (forked(number_))
    throw ShutDown("drover: this process was forked from the one that has the coordinator");
  const std::uint64_t bytes = bytes_of(*task);
  task->pool = number_;
  {
    std::unique_lock lock(mutex_);
    check_open();
    if (!has_room(bytes)) {
      if (!wait) return false;
      ++waiting_for_room_;
      room_.wait(lock, [&] { return closing_ || has_room(bytes); });
      --waiting_for_room_;
      check_open();
    }
    queue_.push_back(task);
    open_tasks_.fetch_add(1, std::memory_order_relaxed);
    open_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    queued_.store(true, std::memory_order_seq_cst);
  }
  wake_engine(2);
  return true;
}

void Pool::submit_all(std::span<Task* const> tasks) {
  if (forked(number_))
    throw ShutDown("drover: this process was forked from the one that has the coordinator");
  std::uint64_t bytes = 0;
  for (Task* task : tasks) {
    task->pool = number_;
    bytes += bytes_of(*task);
  }
  {
    std::unique_lock lock(mutex_);
    check_open();
    ++waiting_for_room_;
    room_.wait(lock, [&] { return closing_ || has_room(bytes); });
    --waiting_for_room_;
    check_open();
    open_tasks_.fetch_add(tasks.size(), std::memory_order_relaxed);
    open_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    queue_.insert(queue_.end(), tasks.begin(), tasks.end());
    queued_.store(true, std::memory_order_seq_cst);
  }
  wake_engine(2);
}

bool Pool::on_room(const Task& task, std::function<void()> when_room) {
  const std::scoped_lock lock(mutex_);
  ++waiting_for_room_;
  if (closing_ || has_room(bytes_of(task))) {
    --waiting_for_room_;
    return false;
  }
  when_room_.push_back(std::move(when_room));
  return true;
}

bool Pool::request(std::function<void()> what) {
  if (forked(number_)) return false;
  {
    const std::scoped_lock lock(mutex_);
    if (ended_) return false;
    requests_.push_back(std::move(what));
    requested_.store(true, std::memory_order_seq_cst);
  }
  wake_engine(1);
  return true;
}

void Pool::cancel(const TaskRef& task) {
  task->word.fetch_or(Task::kCancel, std::memory_order_seq_cst);
  (void)request([this, task] {
    if (!task->ended() && task->number != 0) engine_->cancel(task->number);
  });
}

void Pool::cancel_all(std::vector<TaskRef> tasks) {
  for (const TaskRef& task : tasks) task->word.fetch_or(Task::kCancel, std::memory_order_seq_cst);
  (void)request([this, tasks = std::move(tasks)] {
    // The last first: what waits goes before that which it waits behind, and nothing is begun meanwhile.
    for (auto task = tasks.rbegin(); task != tasks.rend(); ++task)
      if (!(*task)->ended() && (*task)->number != 0) engine_->cancel((*task)->number);
  });
}

std::optional<TaskProgress> Pool::progress(const Task& task) {
  auto asked = std::make_shared<std::promise<std::optional<TaskProgress>>>();
  auto answer = asked->get_future();
  const bool told = request([this, asked, &task] {
    std::optional<TaskProgress> found;
    for (auto& [number, progress] : engine_->progress())
      if (number == task.number)
        found = TaskProgress{progress.done, progress.total, std::move(progress.text)};
    asked->set_value(std::move(found));
  });
  return told ? answer.get() : std::nullopt;
}

std::vector<int> Pool::worker_pids() {
  auto asked = std::make_shared<std::promise<std::vector<int>>>();
  auto answer = asked->get_future();
  if (!request([this, asked] { asked->set_value(engine_->worker_pids()); })) return {};
  return answer.get();
}

void Pool::broadcast(const TaskRef& task) {
  if (forked(number_))
    throw ShutDown("drover: this process was forked from the one that has the coordinator");
  task->pool = number_;
  {
    const std::scoped_lock lock(mutex_);
    check_open();
    requests_.push_back([this, task] {
      broadcasts_.push_back({task});  // for good: new workers need what it refers to
      engine_->set_up(task->function, std::string(task->bytes.view()), shared_parts(*task));
    });
    open_broadcasts_.fetch_add(1);
    requested_.store(true, std::memory_order_seq_cst);
  }
  wake_engine(1);
}

void Pool::forget_segment(std::uint64_t id) {
  (void)request([this, id] { engine_->forget_shared(id); });
}

void Pool::shutdown(Pending pending) {
  if (forked(number_)) return;
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    closing_told_.store(true, std::memory_order_seq_cst);
    room_.notify_all();
  }
  wake_engine(1);
  if (pending == Pending::Cancel)
    (void)request([this] {
      end_queued(TaskStatus::Cancelled, {});
      engine_->stop(StopKind::Now, options_.grace);
    });
  {
    const std::scoped_lock lock(joining_);
    if (thread_.joinable()) thread_.join();
  }
  // Not under the lock: a callback may shut down, too.
  callbacks_->finish();
  const std::scoped_lock others(pools_mutex);
  pools().erase(number_);
}

namespace {

// The workers that have mapped it may let it go.
void forget_segment_everywhere(std::uint64_t id) noexcept {
  try {
    std::vector<std::shared_ptr<Pool>> all;
    {
      const std::scoped_lock lock(pools_mutex);
      for (const auto& [number, pool] : pools())
        if (auto alive = pool.lock(); alive && !forked(number)) all.push_back(std::move(alive));
    }
    for (const auto& pool : all) pool->forget_segment(id);
  } catch (const std::bad_alloc&) {  // the workers keep their mapping until they end
  }
}

}  // namespace
}  // namespace drover::detail
