// Thread pools: Boost.Asio's and, where it was found at build time, oneTBB's. Each task is a std::function
// that counts.
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>

#include "common/clock.hpp"
#include "tests/bench/peers.hpp"
#include "tests/bench/trips.hpp"

#ifdef DROVER_BENCH_TBB
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_group.h>
#endif

namespace drover::bench {
namespace {

constexpr unsigned kThreads = 2;
constexpr unsigned kAsioTasks = 1'000'000;

// Tasks a second from `begin` until now. Throws if one was lost.
Sample rate(unsigned tasks, std::uint64_t begin, const std::atomic<unsigned>& counted) {
  const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
  if (counted.load() != tasks) throw CannotMeasure("lost a task");
  return {tasks / seconds, 0};
}

}  // namespace

Side asio_thread_pool() {
  const auto sampler = [] {
    boost::asio::thread_pool pool(kThreads);
    std::atomic<unsigned> counted{0};
    const std::uint64_t begin = now_ns();
    for (unsigned task = 0; task < kAsioTasks; ++task) {
      boost::asio::post(pool,
                        std::function<void()>([&] { counted.fetch_add(1, std::memory_order_relaxed); }));
    }
    pool.join();
    return rate(kAsioTasks, begin, counted);
  };
  return {"asio::thread_pool(2), post", sampler, ""};
}

Side asio_round_trip() {
  const auto sampler = [] {
    boost::asio::thread_pool pool(1);
    return sample_of(time_trips([&] {
      std::atomic<unsigned> done{0};
      boost::asio::post(pool, std::function<void()>([&] {
                          done.store(1);
                          done.notify_one();
                        }));
      done.wait(0);
    }));
  };
  return {"asio::thread_pool(1), post and wait", sampler, ""};
}

Side tbb_task_group() {
  const std::string name = "oneTBB task_group.run, 2 threads";
#ifdef DROVER_BENCH_TBB
  constexpr unsigned kTasks = 2'000'000;
  const auto sampler = [] {
    const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, kThreads);
    oneapi::tbb::task_group group;
    group.run_and_wait([] {});  // starts the threads
    std::atomic<unsigned> counted{0};
    const std::uint64_t begin = now_ns();
    for (unsigned task = 0; task < kTasks; ++task) {
      group.run(std::function<void()>([&] { counted.fetch_add(1, std::memory_order_relaxed); }));
    }
    group.wait();
    return rate(kTasks, begin, counted);
  };
  return {name, sampler, ""};
#else
  return {name, nullptr, "not found when this program was built"};
#endif
}

}  // namespace drover::bench
