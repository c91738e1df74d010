// Shared arrays from end to end: what tasks see and write, what they may not, and that nobody keeps an array
// that nobody refers to, whatever became of its tasks.
#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>

#include <chrono>
#include <numeric>
#include <span>
#include <vector>

#include <drover/drover.hpp>

#include "tests/e2e/test_space.hpp"
#include "tests/library/own_process.hpp"
#include "tests/sanitized.hpp"

namespace drover::test {
namespace {

void fill(std::span<int> part, int value) {
  std::fill(part.begin(), part.end(), value);
}
void fill_half_and_die(std::span<int> part) {
  std::fill_n(part.begin(), part.size() / 2, 1);
  ::raise(SIGKILL);
}
long sum(std::span<const int> part) {
  return std::accumulate(part.begin(), part.end(), 0L);
}
void write_where_it_must_not(std::span<const int> part) {
  const_cast<volatile int&>(part.front()) = 1;
}
int both(std::span<int> written, std::span<const int> read) {
  written[0] = 5;
  return read[0];
}
long sum_of_all(const std::vector<SharedArray<const int>>& arrays) {
  long total = 0;
  for (const auto& each : arrays) total += sum(each.span());
  return total;
}
int wait_for_line(const std::string& fifo) {
  const UniqueFd fd(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  char line = 0;
  return static_cast<int>(::read(fd.get(), &line, 1));
}
std::vector<std::uint64_t> reversed(std::vector<std::uint64_t> numbers) {
  std::reverse(numbers.begin(), numbers.end());
  return numbers;
}

// How many parts of shared memory a process has mapped or holds open.
std::size_t shared_parts(pid_t pid) {
  std::size_t count = 0;
  const std::string maps = proc_file(pid, "maps");
  for (auto at = maps.find("drover-shared"); at != std::string::npos; at = maps.find("drover-shared", at + 1))
    ++count;
  std::error_code gone;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.find("drover-shared") != std::string::npos) ++count;
  }
  return count;
}
std::size_t shared_parts(const Coordinator& coordinator) {
  std::size_t count = 0;
  for (const pid_t pid : coordinator.worker_pids()) count += shared_parts(pid);
  return count;
}
// A worker unmaps when it has read that it may, and nothing tells of that moment but /proc.
void wait_until_let_go(const Coordinator& coordinator) {
  const Instant limit = now() + kWatchdog;
  while (shared_parts(coordinator) != 0) {
    if (now() > limit) FAIL("workers keep " << shared_parts(coordinator) << " parts of shared memory");
    ::sched_yield();
  }
}

SharedArray<int> ones(std::size_t count) {
  SharedArray<int> array(count);
  std::fill(array.begin(), array.end(), 1);
  return array;
}

}  // namespace

TEST_CASE("what tasks write into a shared array is seen here, and slices are where they were cut") {
  Coordinator coordinator({.workers = 2});
  SharedArray<int> array(10'000);
  std::vector<TaskHandle<void>> filled;
  for (int i = 0; i < 10; ++i) filled.push_back(coordinator.submit<&fill>(array.slice(i * 1000U, 1000), i));
  for (auto& each : filled) each.get();
  for (std::size_t i = 0; i < array.size(); ++i) REQUIRE(array[i] == static_cast<int>(i / 1000));
  CHECK(coordinator.submit<&sum>(array.slice(500, 1000)).get() == 500);
  CHECK(coordinator.submit<&sum>(array.slice(10'000, 0)).get() == 0);
  array[0] = 7;
  CHECK(coordinator.submit<&both>(array, array).get() == 5);
  CHECK(array[0] == 5);
}

TEST_CASE("a task that writes where it may only read dies of it, and others read on") {
  Coordinator coordinator({.workers = 2});
  const SharedArray<int> array = ones(1000);
  auto bad = coordinator.submit<&write_where_it_must_not>(array.read_only());
  auto as_bad = coordinator.submit<&write_where_it_must_not>(array);
  for (auto* each : {&bad, &as_bad}) {
    each->wait();
    if (!kSanitized) CHECK_THROWS_WITH_AS(each->get(), doctest::Contains("SIGSEGV"), WorkerDied);
    CHECK(each->state() == TaskStatus::WorkerDied);
  }
  CHECK(array[0] == 1);
  CHECK(coordinator.submit<&sum>(array).get() == 1000);
  coordinator.submit<&fill>(array, 2).get();
  CHECK(coordinator.submit<&sum>(array.read_only()).get() == 2000);
}

TEST_CASE("workers, idle ones too, let an array go as soon as nobody here refers to it") {
  const OwnProcess before;
  const std::size_t mapped_before = shared_parts(::getpid());
  {
    Coordinator coordinator({.workers = 2});
    {
      const SharedArray<int> array = ones(1000);
      for (int i = 0; i < 200; ++i) CHECK(coordinator.submit<&sum>(array).get() == 1000);
      const SharedArray<int> part = array.slice(10, 10);
      CHECK(shared_parts(coordinator) >= 1);
    }
    wait_until_let_go(coordinator);
    CHECK(shared_parts(::getpid()) == mapped_before);
    // A worker that was killed with it mapped keeps nothing.
    {
      const SharedArray<int> array(1000);
      coordinator.submit<&fill_half_and_die>(array).wait();
      CHECK(std::accumulate(array.begin(), array.end(), 0) == 500);
    }
    CHECK(coordinator.submit<&sum>(std::vector{1, 2}).get() == 3);
    wait_until_let_go(coordinator);
    CHECK(shared_parts(::getpid()) == mapped_before);
  }
  CHECK(OwnProcess() == before);
}

TEST_CASE("an array may be gone here before its task begins") {
  const TestSpace space;
  Fifo go = space.fifo("go");
  Coordinator coordinator({.workers = 1});
  auto gate = coordinator.submit<&wait_for_line>(space.path("go"));
  std::vector<TaskHandle<long>> sums;
  for (int i = 0; i < 20; ++i) sums.push_back(coordinator.submit<&sum>(ones(100)));
  auto cancelled = coordinator.submit<&sum>(ones(100));
  cancelled.cancel();
  go.write_line();
  CHECK(gate.get() == 1);
  for (auto& each : sums) CHECK(each.get() == 100);
  cancelled.wait();
  wait_until_let_go(coordinator);
}

TEST_CASE("one task may take hundreds of arrays, more than a worker's socket holds") {
  for (const std::size_t count : {100U, 1000U}) {
    const OwnProcess before;
    {
      Coordinator coordinator({.workers = 1});
      std::vector<SharedArray<const int>> arrays;
      for (std::size_t i = 0; i < count; ++i) arrays.push_back(ones(10).read_only());
      CHECK(coordinator.submit<&sum_of_all>(arrays).get() == static_cast<long>(10 * count));
      CHECK(coordinator.submit<&sum_of_all>(arrays).get() == static_cast<long>(10 * count));
      arrays.clear();
      wait_until_let_go(coordinator);
    }
    CHECK(OwnProcess() == before);
  }
}

TEST_CASE("a thousand tasks may share one array while their workers are killed") {
  Coordinator coordinator({.workers = 2});
  const SharedArray<int> array = ones(1000);
  std::vector<TaskHandle<long>> sums;
  for (int i = 0; i < 1000; ++i) {
    sums.push_back(coordinator.submit<&sum>(array.slice(0, static_cast<std::size_t>(i)), {.retries = 50}));
    if (i % 50 == 0)
      for (const pid_t pid : coordinator.worker_pids()) ::kill(pid, SIGKILL);
  }
  for (int i = 0; i < 1000; ++i) REQUIRE(sums[static_cast<std::size_t>(i)].get() == i);
}

TEST_CASE("arguments and results of hundreds of megabytes come whole") {
  constexpr std::size_t kBytes = (kSanitized ? 30 : 300) * std::size_t{1'000'000};
  Coordinator coordinator({.workers = 1});
  std::vector<std::uint64_t> numbers(kBytes / sizeof(std::uint64_t));
  std::iota(numbers.begin(), numbers.end(), 0U);
  const auto result = coordinator.submit<&reversed>(numbers).get();
  REQUIRE(result.size() == numbers.size());
  CHECK(std::equal(result.rbegin(), result.rend(), numbers.begin()));
  CHECK(coordinator.submit<&sum>(std::vector{1, 2}).get() == 3);
}

}  // namespace drover::test
