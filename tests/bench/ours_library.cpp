// The library as a program embeds it, with this program as its own worker.
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <vector>

#include <drover/drover.hpp>

#include "common/clock.hpp"
#include "tests/bench/ours.hpp"

namespace drover::bench {
namespace {

std::int64_t plus_one(std::int64_t number) {
  return number + 1;
}
void nothing() {}
double ends_of(std::span<const double> numbers) {
  return numbers.front() + numbers.back();
}
void die() {
  ::raise(SIGKILL);
}

double seconds_since(std::uint64_t begin) {
  return static_cast<double>(now_ns() - begin) / 1e9;
}

// Both workers are up and have done something.
void warm_up(Coordinator& coordinator) {
  std::vector<TaskHandle<std::int64_t>> first;
  for (std::int64_t i = 0; i < 20'000; ++i) first.push_back(coordinator.submit<&plus_one>(i));
  for (auto& each : first) (void)each.get();
}

}  // namespace

double library_submit_get_per_second(unsigned workers, unsigned n) {
  Coordinator coordinator({.workers = workers});
  warm_up(coordinator);
  std::vector<TaskHandle<std::int64_t>> handles;
  handles.reserve(n);
  const std::uint64_t begin = now_ns();
  for (unsigned i = 0; i < n; ++i) handles.push_back(coordinator.submit<&plus_one>(std::int64_t{i}));
  std::int64_t sum = 0;
  for (auto& each : handles) sum += each.get();
  const double rate = n / seconds_since(begin);
  if (sum != std::int64_t{n} * (n + 1) / 2) throw CannotMeasure("a wrong sum");
  return rate;
}

double library_map_per_second(unsigned workers, unsigned n) {
  Coordinator coordinator({.workers = workers});
  warm_up(coordinator);
  const std::uint64_t begin = now_ns();
  std::int64_t sum = 0;
  for (auto&& [index, result] :
       coordinator.map_unordered<&plus_one>(std::views::iota(std::int64_t{0}, std::int64_t{n})))
    sum += result.value();
  const double rate = n / seconds_since(begin);
  if (sum != std::int64_t{n} * (n + 1) / 2) throw CannotMeasure("a wrong sum");
  return rate;
}

double library_empty_trip_us() {
  Coordinator coordinator({.workers = 1});
  warm_up(coordinator);
  std::vector<double> trips;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t begin = now_ns();
    coordinator.submit<&nothing>().get();
    trips.push_back(seconds_since(begin) * 1e6);
  }
  return median(trips);
}

double library_new_gigabyte_trip_us() {
  constexpr std::size_t kElements = (std::size_t{1} << 30) / sizeof(double);
  Coordinator coordinator({.workers = 1});
  warm_up(coordinator);
  std::vector<double> trips;
  for (int i = 0; i < 20; ++i) {
    SharedArray<double> array(kElements);
    array[0] = 1;
    array[kElements - 1] = 2;
    const std::uint64_t begin = now_ns();
    const double sum = coordinator.submit<&ends_of>(array).get();
    trips.push_back(seconds_since(begin) * 1e6);
    if (sum != 3) throw CannotMeasure("a wrong sum");
  }
  return median(trips);
}

double library_crashes_per_second(unsigned workers, unsigned n) {
  Coordinator coordinator({.workers = workers});
  std::vector<TaskHandle<void>> handles;
  const std::uint64_t begin = now_ns();
  for (unsigned i = 0; i < n; ++i) handles.push_back(coordinator.submit<&die>());
  for (auto& each : handles) each.wait();
  const double rate = n / seconds_since(begin);
  for (auto& each : handles)
    if (each.state() != TaskStatus::WorkerDied) throw CannotMeasure("a crash was not accounted for");
  return rate;
}

}  // namespace drover::bench
