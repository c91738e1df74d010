// What is told of a worker that died with a task in hand.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include <drover/drover.hpp>

#include "tests/e2e/test_space.hpp"
#include "tests/sanitized.hpp"

using namespace std::chrono_literals;

namespace drover::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

void aborts() {
  std::abort();
}
void exits(int code) {
  std::exit(code);
}
void exits_at_once(int code) {
  ::_exit(code);
}
int overflow(int depth) {
  if (depth < 0) return 0;  // a function that never ends is no C++
  volatile char frame[4096];
  frame[depth % 4096] = 1;
  return overflow(depth + 1) + frame[depth % 4096];
}
int overflow_stack() {
  return overflow(0);
}
void tell_and_wait(const std::string& fifo, Context& context) {
  context.progress(3, 10, "just there");
  std::fputs("last words\n", stderr);
  const std::string line = std::to_string(::getpid()) + "\n";
  const UniqueFd fd(::open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  (void)!::write(fd.get(), line.data(), line.size());
  for (;;) ::pause();
}
void use_memory_and_abort(std::size_t bytes) {
  const std::unique_ptr<char[]> memory(new char[bytes]);
  std::memset(memory.get(), 1, bytes);
  const volatile char* const kept = memory.get();
  if (kept[bytes - 1] == 1) std::abort();
}
std::size_t use_memory(std::size_t bytes) {
  return std::vector<char>(bytes).size();
}
void abort_but_the_third_time(Context& context) {
  context.progress(context.attempt(), 3);
  if (context.attempt() < 3) std::abort();
}
void abort_and_print(Context& context) {
  std::fprintf(stderr, "attempt %u\n", context.attempt());
  std::abort();
}

template <class R>
WorkerAccount account_of(const TaskHandle<R>& handle) {
  try {
    std::rethrow_exception(handle.error());
  } catch (const WorkerDied& died) {
    return died.account();
  }
}

// No core files, but where a test asks for one.
class CoreLimit {
 public:
  explicit CoreLimit(rlim_t soft) {
    REQUIRE(::getrlimit(RLIMIT_CORE, &before_) == 0);
    const rlimit wanted{std::min(soft, before_.rlim_max), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_CORE, &wanted) == 0);
  }
  ~CoreLimit() { ::setrlimit(RLIMIT_CORE, &before_); }
  CoreLimit(const CoreLimit&) = delete;
  CoreLimit& operator=(const CoreLimit&) = delete;

 private:
  rlimit before_{};
};

bool own_child_dumps_core() {
  const pid_t child = ::fork();
  if (child == 0) ::raise(SIGQUIT);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WCOREDUMP(status);
}

}  // namespace

TEST_CASE("a task that aborts, exits or overflows its stack is told with signal or exit code") {
  const CoreLimit none(0);
  Coordinator coordinator({.workers = 2});
  auto aborted = coordinator.submit<&aborts>();
  auto exited = coordinator.submit<&exits>(3);
  auto exited_with_0 = coordinator.submit<&exits>(0);
  auto exited_at_once = coordinator.submit<&exits_at_once>(4);
  auto overflown = coordinator.submit<&overflow_stack>();
  const WorkerAccount abort = account_of(aborted);
  CHECK(abort.signal == SIGABRT);
  CHECK(abort.exit_code == 0);
  CHECK_FALSE(abort.core_dumped);
  CHECK_FALSE(abort.out_of_memory);
  CHECK(abort.attempts == 1);
  CHECK(abort.peak_memory_bytes > 100'000);
  CHECK(abort.wall_time > 0ns);
  CHECK(account_of(exited).signal == 0);
  CHECK(account_of(exited).exit_code == 3);
  CHECK(account_of(exited_with_0).signal == 0);
  CHECK(account_of(exited_with_0).exit_code == 0);
  CHECK(account_of(exited_at_once).exit_code == 4);
  // A sanitizer turns the signal into an exit.
  if (!kSanitized) CHECK(account_of(overflown).signal == SIGSEGV);
  overflown.wait();
  CHECK(overflown.state() == TaskStatus::WorkerDied);
}

TEST_CASE("whether a core was dumped is told as the kernel says it of any process") {
  if (kSanitized) return;  // sanitizers forbid cores in some processes
  const TestSpace space;
  const CoreLimit all(RLIM_INFINITY);
  const auto folder = std::filesystem::current_path();
  std::filesystem::current_path(space.path("."));
  const bool dumps = own_child_dumps_core();
  {
    Coordinator coordinator({.workers = 1});
    CHECK(account_of(coordinator.submit<&aborts>()).core_dumped == dumps);
  }
  std::filesystem::current_path(folder);
  if (!dumps) MESSAGE("this machine dumps no cores");
}

TEST_CASE("of a worker that was killed the last words, the last progress and the time are told") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  Coordinator coordinator({.workers = 2});
  auto told = coordinator.submit<&tell_and_wait>(space.path("up"), {.name = "the told one"});
  ::kill(std::stoi(up.read_line()), SIGKILL);
  const WorkerAccount account = account_of(told);
  CHECK(account.signal == SIGKILL);
  CHECK(account.progress_done == 3);
  CHECK(account.progress_total == 10);
  CHECK(account.progress_text == "just there");
  CHECK(account.stderr_tail == "last words\n");
  CHECK(account.task_name == "the told one");
  CHECK(account.task == told.info().task);
  CHECK(account.peak_memory_bytes > 100'000);
  CHECK(account.user_time + account.system_time > 0ns);
  CHECK_FALSE(account.out_of_memory);
  CHECK(told.info().err == "last words\n");
  CHECK_THROWS_WITH_AS(
      told.get(), doctest::Contains("died of SIGKILL while running 'the told one' (at 3 of 10, just there"),
      WorkerDied);
}

TEST_CASE("the peak of a dead worker's memory is told") {
  const CoreLimit none(0);
  Coordinator coordinator({.workers = 1});
  const WorkerAccount account = account_of(coordinator.submit<&use_memory_and_abort>(80 * kMiB));
  CHECK(account.peak_memory_bytes > 80 * kMiB);
  CHECK(account.peak_memory_bytes < 800 * kMiB);
  // Another worker's. A sanitizer alone takes more.
  if (!kSanitized) CHECK(account_of(coordinator.submit<&aborts>()).peak_memory_bytes < 80 * kMiB);
}

TEST_CASE(
    "a task that wants more than its worker's limit of memory is out of memory, and the worker goes on") {
  if (kSanitized) return;
  Coordinator coordinator({.workers = 1, .memory_limit_per_worker = 64 * kMiB});
  CHECK(coordinator.submit<&use_memory>(8 * kMiB).get() == 8 * kMiB);
  const auto workers = coordinator.worker_pids();
  auto too_much = coordinator.submit<&use_memory>(200 * kMiB, {.retries = 1});
  const WorkerAccount account = account_of(too_much);
  CHECK(too_much.state() == TaskStatus::OutOfMemory);
  CHECK(account.out_of_memory);
  CHECK(account.attempts == 2);
  CHECK(coordinator.submit<&use_memory>(8 * kMiB).get() == 8 * kMiB);
  CHECK(coordinator.worker_pids() == workers);
}

TEST_CASE("attempts are counted, and the last one is the one that is told") {
  const CoreLimit none(0);
  Coordinator coordinator({.workers = 2, .output = FunctionOutput::Keep});
  auto third = coordinator.submit<&abort_but_the_third_time>({.retries = 5});
  auto never = coordinator.submit<&abort_and_print>({.retries = 2});
  third.get();
  CHECK(third.info().attempts == 3);
  const WorkerAccount account = account_of(never);
  CHECK(account.attempts == 3);
  CHECK(account.stderr_tail == "attempt 3\n");
  CHECK(never.info().attempts == 3);
  CHECK(coordinator.workers_lost() == 5);
}

}  // namespace drover::test
