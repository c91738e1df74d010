// What hands back a value for each task: packaged_task on a thread pool, and Python's process pools.
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <fstream>
#include <future>
#include <vector>

#include <fmt/format.h>

#include "common/clock.hpp"
#include "tests/bench/peers.hpp"

namespace drover::bench {
namespace {

constexpr const char* kExecutor = R"(
import sys, time
from concurrent.futures import ProcessPoolExecutor
def plus_one(number): return number + 1
if __name__ == '__main__':
    n = int(sys.argv[1])
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(plus_one, range(200)))
        begin = time.perf_counter()
        futures = [pool.submit(plus_one, i) for i in range(n)]
        total = sum(future.result() for future in futures)
        rate = n / (time.perf_counter() - begin)
    assert total == n * (n + 1) // 2
    open(sys.argv[2], 'w').write(str(rate))
)";

constexpr const char* kJoblib = R"(
import sys, time
from joblib import Parallel, delayed
def plus_one(number): return number + 1
if __name__ == '__main__':
    n = int(sys.argv[1])
    with Parallel(n_jobs=2) as parallel:
        parallel(delayed(plus_one)(i) for i in range(2000))
        begin = time.perf_counter()
        total = sum(parallel(delayed(plus_one)(i) for i in range(n)))
        rate = n / (time.perf_counter() - begin)
    assert total == n * (n + 1) // 2
    open(sys.argv[2], 'w').write(str(rate))
)";

Side python_side(const WorkFolder& folder, std::string name, const std::string& file, const char* script,
                 const std::string& needs, unsigned n) {
  const std::string python = find_program("python3");
  if (python.empty()) return {std::move(name), nullptr, "python3 is not installed"};
  try {
    (void)seconds_of({{python, "-c", "import " + needs}});
  } catch (const CannotMeasure&) {
    return {std::move(name), nullptr, needs + " is not installed"};
  }
  const std::string path = folder.write(file, script);
  const auto sampler = [python, path, n] {
    const std::string result = path + ".rate";
    (void)seconds_of({{python, path, std::to_string(n), result}});
    double rate = 0;
    if (!(std::ifstream(result) >> rate)) throw CannotMeasure("printed no rate");
    return Sample{rate, 0};
  };
  return {std::move(name), sampler, ""};
}

}  // namespace

Side asio_packaged_tasks() {
  constexpr unsigned kTasks = 1'000'000;
  const auto sampler = [] {
    boost::asio::thread_pool pool(2);
    const auto round = [&](unsigned n) {
      std::vector<std::future<std::int64_t>> futures;
      futures.reserve(n);
      const std::uint64_t begin = now_ns();
      for (std::int64_t i = 0; i < n; ++i) {
        std::packaged_task<std::int64_t()> task([i] { return i + 1; });
        futures.push_back(task.get_future());
        boost::asio::post(pool, std::move(task));
      }
      std::int64_t sum = 0;
      for (auto& each : futures) sum += each.get();
      const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
      if (sum != std::int64_t{n} * (n + 1) / 2) throw CannotMeasure("a wrong sum");
      return n / seconds;
    };
    (void)round(20'000);
    return Sample{round(kTasks), 0};
  };
  return {"asio::thread_pool(2), packaged_task and future", sampler, ""};
}

Side python_process_pool(const WorkFolder& folder) {
  return python_side(folder, "Python's ProcessPoolExecutor(2)", "executor.py", kExecutor,
                     "concurrent.futures", 5'000);
}

Side joblib_parallel(const WorkFolder& folder) {
  return python_side(folder, "joblib Parallel(2)", "parallel.py", kJoblib, "joblib", 20'000);
}

}  // namespace drover::bench
