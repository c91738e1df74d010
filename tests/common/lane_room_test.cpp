// A worker whose outcomes nobody takes: it sleeps until there is room. That it sleeps is seen in the lane and
// in the state of its thread, not by a time.
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "common/clock.hpp"
#include "tests/common/lane_fixture.hpp"

namespace drover::test {
namespace {

template <class Condition>
bool wait_until(Condition&& condition) {
  const Instant limit = now() + std::chrono::seconds(20);
  while (!condition())
    if (::sched_yield(); now() > limit) return false;
  return true;
}

char state_of_thread(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos ? '?' : text[name_end + 2];
}

// A worker thread publishes `tasks` outcomes, of which `fit` do without anybody taking one.
void check_sleeps_for_room(std::uint32_t tasks, std::uint32_t fit, const std::string& result) {
  LanePair lane(kCommandLane);
  auto mapped = Segment::adopt(duplicate(lane.coordinator.up_fd()), Access::ReadOnly, sizeof(UpHeader));
  REQUIRE(mapped);
  const auto& up = *reinterpret_cast<const UpHeader*>(mapped->data());
  const auto published = [&] { return up.outcomes_published.load(); };

  lane.push(1, tasks);
  lane.coordinator.declare_sleep(tasks);  // the worker is to ring although so few are there
  std::atomic<pid_t> thread{0};
  std::thread worker([&] {
    thread.store(::gettid());
    TakenTask taken;
    while (lane.worker.try_take(taken)) lane.succeed(taken, result);
  });
  const auto asleep = [&] { return up.asleep.load() == 1 && state_of_thread(thread.load()) == 'S'; };
  CHECK(wait_until(asleep));
  CHECK(published() == fit);
  CHECK(lane.rung());

  struct Counter final : CoordinatorLane::Sink {
    std::uint32_t told = 0;
    void on_succeeded(TaskId, std::uint32_t count, Attempt, std::uint64_t) override { told += count; }
    void on_outcome(const LaneOutcome&) override { ++told; }
  } counter;
  const bool all = wait_until([&] {
    REQUIRE(lane.coordinator.drain(counter));
    return counter.told == tasks;
  });
  CHECK_MESSAGE(all, "nobody woke the worker: " << counter.told << " of " << tasks);
  while (counter.told != tasks) {  // or join would hang
    lane.coordinator.message_sent();
    REQUIRE(lane.coordinator.drain(counter));
  }
  worker.join();
}

}  // namespace

TEST_CASE("a worker that finds the ring of outcomes full rings, sleeps, and goes on when there is room") {
  check_sleeps_for_room(3 * kCommandLane.outcomes, kCommandLane.outcomes, "");
}

TEST_CASE("a worker that finds no room for a result rings, sleeps, and goes on when there is room") {
  check_sleeps_for_room(10, 2, std::string(kCommandLane.results_size / 2, 'r'));
}

}  // namespace drover::test
