// Thousands of tasks of which some abort, exit or never end, while somebody kills workers at random: every
// handle tells what happened to its task and to no other, and the program is afterwards what it was before.
// DROVER_CRASH_LOOP=100000 asks for more tasks.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include <drover/drover.hpp>

#include "tests/library/own_process.hpp"
#include "tests/sanitized.hpp"

using namespace std::chrono_literals;

namespace drover::test {
namespace {

constexpr std::uint64_t kDefaultTasks = kSanitized ? 2'000 : 20'000;
constexpr std::size_t kWindow = 1'000;  // tasks under way
constexpr std::uint64_t kTasksForEachKill = 100;
constexpr std::uint64_t kMostGrowthKib = 16 * 1024;

std::uint64_t value(std::uint64_t number) {
  return number;
}
std::uint64_t aborts(std::uint64_t) {
  std::abort();
}
std::uint64_t exits(std::uint64_t) {
  std::exit(3);
}
std::uint64_t never_ends(std::uint64_t) {
  for (;;) ::pause();
}

enum class Sort { Value, TriedAgain, Aborts, Exits, NeverEnds };

Sort sort_of(std::uint64_t number) {
  switch (number % 100) {
    case 11:
      return Sort::Aborts;
    case 44:
      return Sort::Exits;
    case 77:
      return Sort::NeverEnds;
    default:
      return number % 10 == 0 ? Sort::TriedAgain : Sort::Value;
  }
}

TaskHandle<std::uint64_t> submit(Coordinator& coordinator, std::uint64_t number) {
  switch (sort_of(number)) {
    case Sort::Aborts:
      return coordinator.submit<&aborts>(number);
    case Sort::Exits:
      return coordinator.submit<&exits>(number);
    case Sort::NeverEnds:
      return coordinator.submit<&never_ends>(number, {.timeout = 20ms});
    case Sort::TriedAgain:
      return coordinator.submit<&value>(number, {.retries = 50});
    case Sort::Value:
      break;
  }
  return coordinator.submit<&value>(number);
}

// Kills a worker for every so many tasks that end, whatever that worker does.
class Killer {
 public:
  explicit Killer(const Coordinator& coordinator) : thread_([this, &coordinator] { run(coordinator); }) {}
  void on_ended(std::uint64_t tasks) {
    if (tasks % kTasksForEachKill != 0) return;
    wanted_ = tasks / kTasksForEachKill;
    wanted_.notify_one();
  }
  std::uint64_t stop() {
    stopped_ = true;
    wanted_ = wanted_ + 1;
    wanted_.notify_one();
    thread_.join();
    return kills_;
  }

 private:
  void run(const Coordinator& coordinator) {
    std::mt19937 random(1);
    for (std::uint64_t done = 0;; ++done) {
      wanted_.wait(done);
      if (stopped_) return;
      const auto pids = coordinator.worker_pids();
      if (!pids.empty() && ::kill(pids[random() % pids.size()], SIGKILL) == 0) ++kills_;
    }
  }

  std::atomic<std::uint64_t> wanted_{0};
  std::atomic<bool> stopped_{false};
  std::uint64_t kills_ = 0;
  std::thread thread_;
};

struct Tally {
  const std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::uint64_t sum = 0, expected_sum = 0, deaths = 0, killed = 0, wrong = 0;

  void add(TaskHandle<std::uint64_t>& handle, std::uint64_t number) {
    handle.wait();
    const TaskStatus state = handle.state();
    deaths += handle.info().attempts - 1 + (state == TaskStatus::WorkerDied ? 1 : 0);
    if (state == TaskStatus::Succeeded) {
      sum += handle.get();
      expected_sum += number;
    }
    if (!is_allowed(handle, sort_of(number), state)) {
      ++wrong;
      CAPTURE(number);
      CAPTURE(static_cast<int>(state));
      CAPTURE(handle.info().wall_time.count());
      CAPTURE(end_of(handle));
      CHECK_MESSAGE(false, "a task ended in a way that is not its own");
    }
  }

 private:
  bool is_allowed(const TaskHandle<std::uint64_t>& handle, Sort sort, TaskStatus state) {
    if (state == TaskStatus::Succeeded) return sort == Sort::Value || sort == Sort::TriedAgain;
    if (state == TaskStatus::TimedOut) return sort == Sort::NeverEnds;
    if (state != TaskStatus::WorkerDied || sort == Sort::TriedAgain) return false;
    const WorkerAccount account = account_of(handle);
    if (account.wall_time > std::chrono::steady_clock::now() - begin) return false;
    if (account.signal == SIGKILL) {
      ++killed;
      return true;
    }
    if (account.wall_time <= 0ns) return false;  // of who is killed it may be: at the very begin
    return sort == Sort::Aborts ? account.signal == SIGABRT
                                : sort == Sort::Exits && account.signal == 0 && account.exit_code == 3;
  }
  static std::string end_of(const TaskHandle<std::uint64_t>& handle) {
    const std::exception_ptr error = handle.error();
    if (!error) return "a value";
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      return thrown.what();
    }
  }
  static WorkerAccount account_of(const TaskHandle<std::uint64_t>& handle) {
    try {
      std::rethrow_exception(handle.error());
    } catch (const WorkerDied& died) {
      return died.account();
    }
  }
};

std::uint64_t tasks_wanted() {
  const char* const wanted = std::getenv("DROVER_CRASH_LOOP");
  if (wanted == nullptr) return kDefaultTasks;
  std::uint64_t tasks = 0;
  std::from_chars(wanted, wanted + std::string_view(wanted).size(), tasks);
  REQUIRE(tasks >= 2 * kWindow);
  return tasks;
}

}  // namespace

TEST_CASE("in a loop of crashes every task is accounted for as its own, and nothing grows or is left") {
  const std::uint64_t tasks = tasks_wanted();
  const OwnProcess before;
  std::uint64_t memory_at_half = 0, memory_at_end = 0, lost = 0, kills = 0;
  Tally tally;
  {
    Coordinator coordinator({.workers = 2});
    Killer killer(coordinator);
    std::deque<TaskHandle<std::uint64_t>> open;
    for (std::uint64_t submitted = 0, ended = 0; ended < tasks;) {
      if (submitted < tasks && open.size() < kWindow) {
        open.push_back(submit(coordinator, submitted++));
        continue;
      }
      tally.add(open.front(), ended++);
      open.pop_front();
      killer.on_ended(ended);
      if (ended == tasks / 2) memory_at_half = resident_kib(::getpid());
      if (ended == tasks) memory_at_end = resident_kib(::getpid());
    }
    kills = killer.stop();
    lost = coordinator.workers_lost();
  }
  MESSAGE(tasks << " tasks, " << lost << " workers lost with a task, " << kills << " killed from outside, "
                << memory_at_half << " KiB at half, " << memory_at_end << " KiB at the end");
  CHECK(tally.wrong == 0);
  CHECK(tally.sum == tally.expected_sum);
  CHECK(tally.killed <= kills);
  CHECK(kills >= tasks / kTasksForEachKill / 2);
  CHECK(lost == tally.deaths);
  if (!kSanitized) CHECK(memory_at_end <= memory_at_half + kMostGrowthKib);
  CHECK(OwnProcess() == before);
}

}  // namespace drover::test
