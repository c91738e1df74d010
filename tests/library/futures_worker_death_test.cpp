// Workers that end in every way that a process can end, or are killed from outside.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/e2e/processes.hpp"
#include "tests/library/futures_gate.hpp"

using drover::test::Gate;
using drover::test::kill_and_wait;

namespace {

int number(int value) {
  return value;
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
int where() {
  return ::getpid();
}

void call_exit() {
  std::exit(3);
}
void call_underscore_exit() {
  ::_exit(4);
}
void call_quick_exit() {
  std::quick_exit(5);
}
void call_exit_zero() {
  std::exit(0);
}
void call_abort() {
  std::abort();
}
void call_terminate() {
  std::terminate();
}
void raise_segv() {
  std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would turn it into an exit
  std::raise(SIGSEGV);
}
void raise_term() {
  std::raise(SIGTERM);
}
void raise_kill() {
  std::raise(SIGKILL);
}
void end_thread() {
  ::pthread_exit(nullptr);
}
// The process lives on in another thread.
void end_thread_beside_another(drover::Context& context) {
  (void)context.stop_token();
  ::pthread_exit(nullptr);
}
void throw_in_thread() {
  std::thread([] { throw 1; }).join();
}
void throw_in_noexcept() noexcept {
  (void)std::string().at(1);
}
// Forked children that come back, exit or die are not the worker.
int fork_and_return() {
  if (::fork() == 0) return 2;
  return 1;
}
int fork_and_die() {
  if (::fork() == 0) ::raise(SIGKILL);
  return 1;
}

template <auto F>
drover::WorkerAccount death(drover::Coordinator& coordinator) {
  auto task = coordinator.submit<F>();
  try {
    task.get();
  } catch (const drover::WorkerDied& died) {
    CHECK(task.state() == drover::TaskStatus::WorkerDied);
    return died.account();
  }
  FAIL("it did not die");
  return {};
}

}  // namespace

TEST_CASE("however a function ends its process, its task tells how, and the next one runs") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK(death<&call_exit>(coordinator).exit_code == 3);
  CHECK(death<&call_underscore_exit>(coordinator).exit_code == 4);
  CHECK(death<&call_quick_exit>(coordinator).exit_code == 5);
  const auto zero = death<&call_exit_zero>(coordinator);
  CHECK(zero.exit_code == 0);
  CHECK(zero.signal == 0);
  CHECK(death<&call_abort>(coordinator).signal == SIGABRT);
  CHECK(death<&call_terminate>(coordinator).signal == SIGABRT);
  CHECK(death<&raise_segv>(coordinator).signal == SIGSEGV);
  CHECK(death<&raise_term>(coordinator).signal == SIGTERM);
  CHECK(death<&raise_kill>(coordinator).signal == SIGKILL);
  CHECK(death<&throw_in_thread>(coordinator).signal == SIGABRT);
  CHECK(death<&throw_in_noexcept>(coordinator).signal == SIGABRT);
  CHECK(coordinator.submit<&number>(1).get() == 1);
  CHECK(coordinator.workers_lost() == 11);
}

TEST_CASE("a function that ends only its thread has ended its worker") {
  drover::Coordinator coordinator({.workers = 1});
  (void)death<&end_thread>(coordinator);
  (void)death<&end_thread_beside_another>(coordinator);
  CHECK(coordinator.submit<&number>(1).get() == 1);
}

TEST_CASE("children that a function forks neither hand in results nor count as the worker") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK(coordinator.submit<&fork_and_return>().get() == 1);
  CHECK(coordinator.submit<&fork_and_die>().get() == 1);
  CHECK(coordinator.submit<&number>(7).get() == 7);
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("a worker that is killed while it idles costs nothing") {
  drover::Coordinator coordinator({.workers = 1});
  for (int round = 0; round < 3; ++round) {
    const int pid = coordinator.submit<&where>().get();
    kill_and_wait(pid);
    auto next = coordinator.submit<&where>();
    CHECK(next.get() != pid);
    CHECK(next.info().attempts == 1);
  }
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("all workers killed while they are busy: their tasks tell so, what waited runs") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 3});
  std::vector<drover::TaskHandle<int>> busy, queued;
  for (int i = 0; i < 3; ++i) busy.push_back(coordinator.submit<&wait_at>(gate.path()));
  for (int i = 0; i < 3; ++i) gate.heard();
  for (int i = 0; i < 20; ++i) queued.push_back(coordinator.submit<&number>(i));
  for (const int pid : coordinator.worker_pids()) ::kill(pid, SIGKILL);
  for (auto& each : busy) CHECK_THROWS_AS(each.get(), drover::WorkerDied);
  for (int i = 0; i < 20; ++i) CHECK(queued[static_cast<std::size_t>(i)].get() == i);
  CHECK(coordinator.workers_lost() == 3);
}

TEST_CASE("a task whose worker is killed is tried again if it may be, with its arguments") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&wait_at>(gate.path(), {.retries = 2});
  const std::string first = gate.heard();
  ::kill(std::stoi(first), SIGKILL);
  const std::string second = gate.heard();
  CHECK(first != second);
  ::kill(std::stoi(second), SIGKILL);
  const std::string third = gate.heard();
  gate.let_go();
  CHECK(task.get() == std::stoi(third));
  CHECK(task.info().attempts == 3);
  CHECK(coordinator.workers_lost() == 2);
}

TEST_CASE("a worker is replaced after as many tasks as it may run") {
  drover::Coordinator coordinator({.workers = 1, .max_tasks_per_worker = 3});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 12; ++i) tasks.push_back(coordinator.submit<&where>());
  std::vector<int> pids;
  for (auto& each : tasks) pids.push_back(each.get());
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(pids[i] == pids[i / 3 * 3]);
    if (i >= 3) CHECK(pids[i] != pids[i - 3]);
  }
  CHECK(coordinator.workers_lost() == 0);
}

TEST_CASE("workers of one task each, and a shutdown that waits for many") {
  drover::Coordinator coordinator({.workers = 2, .max_tasks_per_worker = 1});
  std::vector<drover::TaskHandle<int>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(coordinator.submit<&where>());
  coordinator.shutdown();
  std::vector<int> pids;
  for (auto& each : tasks) pids.push_back(each.get());
  std::sort(pids.begin(), pids.end());
  CHECK(std::unique(pids.begin(), pids.end()) == pids.end());
}
