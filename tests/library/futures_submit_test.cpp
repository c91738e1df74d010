// Handing calls over: many at once, large ones, from many threads, to several coordinators.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <drover/drover.hpp>

#include "tests/library/futures_gate.hpp"
#include "tests/library/own_process.hpp"

using namespace std::chrono_literals;
using drover::test::Gate;

namespace {

int square(int number) {
  return number * number;
}
int where() {
  return ::getpid();
}
int wait_at(std::string gate) {
  return drover::test::meet(gate);
}
void tell(std::string gate, std::string text) {
  drover::test::say(gate, text);
}
std::size_t count_of(std::string text, char wanted) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), wanted));
}
std::string letters(std::size_t size, char letter) {
  return std::string(size, letter);
}
int first_of(drover::SharedArray<int> array) {
  return array[0];
}
int sum_of_five(int a, long b, const std::string& c, std::vector<int> d, bool e) {
  return a + static_cast<int>(b) + static_cast<int>(c.size()) + std::accumulate(d.begin(), d.end(), 0) +
         (e ? 1 : 0);
}
int sum_of_six(int a, int b, int c, int d, int e, int f) {
  return a + b + c + d + e + f;
}

// That this process has open.
int shared_segments() {
  int count = 0;
  for (const std::string& fd : drover::test::names_in("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink("/proc/self/fd/" + fd, gone);
    count += target.find("drover-shared") != std::string::npos;
  }
  return count;
}

}  // namespace

TEST_CASE("a call takes as many arguments as its function has, and converts them as a call does") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK(coordinator.submit<&sum_of_five>(1, 20, "abc", std::vector{100, 200}, true).get() == 325);
  CHECK(coordinator.submit_with<&sum_of_six>({}, 1, 2, 3, 4, 5, 6).get() == 21);
}

TEST_CASE("eight threads submit at once, and each gets its own values") {
  drover::Coordinator coordinator({.workers = 2});
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (std::size_t thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      std::vector<drover::TaskHandle<int>> handles;
      const int first = static_cast<int>(thread) * 1000;
      for (int i = 0; i < 1000; ++i) handles.push_back(coordinator.submit<&square>(first + i));
      for (int i = 0; i < 1000; ++i)
        wrong[thread] += handles[static_cast<std::size_t>(i)].get() != (first + i) * (first + i);
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(8));
}

TEST_CASE("arguments and results of five megabytes travel") {
  drover::Coordinator coordinator({.workers = 2});
  constexpr std::size_t kSize = 5 << 20;
  std::vector<drover::TaskHandle<std::size_t>> counts;
  for (int i = 0; i < 8; ++i) counts.push_back(coordinator.submit<&count_of>(std::string(kSize, 'x'), 'x'));
  auto text = coordinator.submit<&letters>(kSize, 'y');
  for (auto& count : counts) CHECK(count.get() == kSize);
  CHECK((text.get() == std::string(kSize, 'y')));
}

TEST_CASE("two coordinators work side by side, and the end of one is nothing to the other") {
  Gate gate;
  drover::Coordinator first({.workers = 1});
  auto held = first.submit<&wait_at>(gate.path());
  gate.heard();
  {
    drover::Coordinator second({.workers = 1});
    CHECK(second.submit<&square>(3).get() == 9);
  }
  CHECK_FALSE(held.ready());
  gate.let_go();
  held.get();
  CHECK(first.submit<&square>(4).get() == 16);
}

TEST_CASE("workers that idle are used again, and no more are started than were asked for") {
  drover::Coordinator coordinator({.workers = 3});
  CHECK(coordinator.worker_pids().empty());
  std::set<int> pids;
  for (int i = 0; i < 20; ++i) pids.insert(coordinator.submit<&where>().get());
  CHECK(pids.size() == 1);
  Gate gate;
  std::vector<drover::TaskHandle<int>> held;
  for (int i = 0; i < 9; ++i) held.push_back(coordinator.submit<&wait_at>(gate.path()));
  std::set<std::string> at_once;
  for (int i = 0; i < 3; ++i) at_once.insert(gate.heard());
  CHECK(at_once.size() == 3);
  CHECK(gate.quiet());
  CHECK(coordinator.worker_pids().size() == 3);
  gate.let_go(9);
  drover::wait_all(held);
}

TEST_CASE("what is submitted runs although its handle was thrown away") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 1});
  (void)coordinator.submit<&tell>(gate.path(), "done");
  CHECK(gate.heard() == "done");
}

TEST_CASE("shared memory of an argument is free when the task has ended, though its handle lives on") {
  drover::Coordinator coordinator({.workers = 1});
  drover::TaskHandle<int> handle;
  {
    drover::SharedArray<int> array(100);
    array[0] = 7;
    handle = coordinator.submit<&first_of>(array);
    CHECK(shared_segments() == 1);
    CHECK(handle.get() == 7);
  }
  CHECK(shared_segments() == 0);
  CHECK(handle.get() == 7);
}

TEST_CASE("a hundred thousand calls that nobody reads stop neither those who submit nor those who end") {
  Gate gate;
  drover::Coordinator coordinator({.workers = 2, .max_queued = 200'000});
  auto held = coordinator.submit<&wait_at>(gate.path());
  gate.heard();
  std::vector<drover::TaskHandle<int>> handles;
  handles.reserve(100'000);
  for (int i = 0; i < 100'000; ++i) handles.push_back(coordinator.submit<&square>(i % 100));
  gate.let_go();
  long sum = 0;
  for (auto& handle : handles) sum += handle.get();
  CHECK(sum == 1000L * 328'350);
}

TEST_CASE("a handle that refers to no task says so") {
  drover::TaskHandle<int> none;
  CHECK_FALSE(none.valid());
  CHECK_THROWS_AS(none.get(), std::logic_error);
  CHECK_THROWS_AS(none.wait(), std::logic_error);
  CHECK_THROWS_AS(none.cancel(), std::logic_error);
  CHECK_THROWS_AS((void)none.state(), std::logic_error);
  CHECK_THROWS_AS((void)std::move(none).then([](drover::TaskHandle<int>) {}), std::logic_error);
  drover::Coordinator coordinator({.workers = 1});
  auto moved_from = coordinator.submit<&square>(5);
  auto moved_to = std::move(moved_from);
  CHECK_FALSE(moved_from.valid());
  CHECK(moved_to.get() == 25);
}
