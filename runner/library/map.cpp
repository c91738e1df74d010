#include <drover/map.hpp>

#include <algorithm>
#include <utility>

#include <drover/error.hpp>

#include "common/check.hpp"
#include "runner/library/map_state.hpp"
#include "runner/library/pool.hpp"

namespace drover::detail {
namespace {

// Together a little less than what malloc takes from the kernel by itself each time.
constexpr std::size_t kMostInArray = 768;
// Work under way for each worker, as far as the length of the tasks is known.
constexpr double kSecondsAhead = 0.02;
constexpr std::size_t kMostAhead = 16 * 1024;

std::size_t window_for(const MapCore::State& state) {
  if (state.options.buffer != 0) return state.options.buffer;
  const std::size_t least = std::size_t{2} * state.source.workers;
  if (state.average_seconds <= 0) return state.read == 0 ? least : kMostAhead;
  const double wanted = state.source.workers * kSecondsAhead / state.average_seconds;
  return wanted >= static_cast<double>(kMostAhead) ? kMostAhead
                                                   : std::max(least, static_cast<std::size_t>(wanted));
}

}  // namespace

// On the engine's thread, which still holds these tasks.
void TaskArray::turn() {
  const std::vector<Task*> ended = std::move(told);
  told.clear();
  const std::shared_ptr<MapCore::State> state = owner;
  {
    const std::scoped_lock lock(state->mutex);
    if (!state->ordered) state->ended.insert(state->ended.end(), ended.begin(), ended.end());
    if (std::exchange(state->waiting, false)) state->wake.notify_one();
  }
  for (Task* task : ended) TaskRef::drop(task);  // the last one may take this array along
}

MapCore::MapCore(MapSource source, MapOptions options, bool ordered) : state_(std::make_shared<State>()) {
  state_->source = std::move(source);
  state_->options = options;
  state_->ordered = ordered;
  state_->window = window_for(*state_);
}

MapCore::~MapCore() {
  State& state = *state_;
  std::vector<TaskRef> open;
  delete state.filling;  // nobody else knows of it
  for (std::size_t i = state.first_array; i < state.arrays.size(); ++i) {
    TaskArray* const array = state.arrays[i];
    if (array == nullptr) continue;  // read before those that came first
    for (std::uint32_t task = 0; task < array->count; ++task) {
      if (auto ref = TaskRef::share_open(array->tasks[task])) open.push_back(std::move(ref));
    }
  }
  if (!open.empty()) state.source.pool->cancel_all(std::move(open));
  for (std::size_t i = state.first_array; i < state.arrays.size(); ++i)
    if (state.arrays[i] != nullptr) TaskArray::drop(state.arrays[i]);
}

std::size_t MapCore::wanted() const {
  const std::uint64_t ahead = state_->added - state_->read;
  if (ahead > state_->window / 2) return 0;
  return std::min<std::size_t>(state_->window - ahead, kMostInArray);
}

void MapCore::reserve(std::size_t count) {
  State& state = *state_;
  if (state.filling != nullptr) {  // an element threw; those before it go now
    flush();
  }
  auto array = std::make_unique<TaskArray>();
  array->owner = state_;
  array->tasks = std::make_unique<Task[]>(count);
  array->first_index = state.added;
  state.filling = array.release();
}

Task& MapCore::add(std::uint32_t function) {
  TaskArray& array = *state_->filling;
  Task& task = array.tasks[array.count];
  task.bytes.clear();
  task.function = function;
  const MapOptions& options = state_->options;
  if (options.timeout.count() != 0 || options.grace || options.retries != 0) {
    Extras& extras = task.more();
    extras.timeout = options.timeout;
    extras.grace = options.grace;
    extras.retries = options.retries;
  }
  return task;
}

void MapCore::added() {
  TaskArray& array = *state_->filling;
  array.tasks[array.count].array = &array;
  ++array.count;
}

void MapCore::flush() {
  State& state = *state_;
  TaskArray* const array = std::exchange(state.filling, nullptr);
  if (array == nullptr) return;
  if (array->count == 0) {
    TaskArray::drop(array);
    return;
  }
  array->users.store(array->count + 1, std::memory_order_relaxed);
  std::vector<Task*> tasks(array->count);
  for (std::uint32_t i = 0; i < array->count; ++i) tasks[i] = &array->tasks[i];
  try {
    state.source.pool->submit_all(tasks);
  } catch (...) {
    for (Task* task : tasks) TaskRef::drop(task);
    TaskArray::drop(array);
    throw;
  }
  state.added += array->count;
  state.arrays.push_back(array);
}

bool MapCore::empty() const {
  return state_->added == state_->read;
}

std::pair<Task*, std::uint64_t> MapCore::next() {
  State& state = *state_;
  const auto release_shown = [&] {
    Task* const shown = std::exchange(state.shown, nullptr);
    if (shown == nullptr) return;
    TaskArray* const array = shown->array;
    if (++array->read != array->count) return;
    *std::find(state.arrays.begin() + static_cast<std::ptrdiff_t>(state.first_array), state.arrays.end(),
               array) = nullptr;
    while (state.first_array < state.arrays.size() && state.arrays[state.first_array] == nullptr)
      ++state.first_array;
    if (state.first_array == state.arrays.size()) {
      state.arrays.clear();
      state.first_array = 0;
    } else if (state.first_array > 1024) {
      state.arrays.erase(state.arrays.begin(),
                         state.arrays.begin() + static_cast<std::ptrdiff_t>(state.first_array));
      state.first_array = 0;
    }
    TaskArray::drop(array);
  };
  const auto refuse_when_forked = [&] {
    if (forked(state.source.pool->number()))
      throw WouldDeadlock(
          "drover: this process was forked from the one that maps and never hears of its results");
  };
  release_shown();
  DROVER_CHECK(!empty());
  Task* task = nullptr;
  if (state.ordered) {
    std::size_t at = state.first_array;
    while (state.arrays[at] == nullptr || state.arrays[at]->next == state.arrays[at]->count) ++at;
    task = &state.arrays[at]->tasks[state.arrays[at]->next++];
    if (!task->ended()) {
      refuse_when_forked();
      std::unique_lock lock(state.mutex);
      state.wake.wait(lock, [&] { return task->ended() || (state.waiting = true, false); });
    }
  } else {
    if (state.next_ready == state.ready.size()) {
      state.ready.clear();
      state.next_ready = 0;
      refuse_when_forked();
      std::unique_lock lock(state.mutex);
      state.wake.wait(lock, [&] { return !state.ended.empty() || (state.waiting = true, false); });
      state.ready.swap(state.ended);
    }
    task = state.ready[state.next_ready++];
  }
  state.shown = task;
  ++state.read;
  const double seconds = std::max(1e-8, static_cast<double>(task->wall_seconds));
  state.average_seconds = state.average_seconds <= 0 ? seconds : state.average_seconds * 0.9 + seconds * 0.1;
  if (state.read % 16 == 0 || state.read <= 16) state.window = window_for(state);
  return {task, task->array->first_index + static_cast<std::uint64_t>(task - task->array->tasks.get())};
}

}  // namespace drover::detail
