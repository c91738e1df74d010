#include "runner/pool/cpus.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace drover {
namespace {

std::optional<double> number_in(const std::string& file) {
  std::ifstream in(file);
  double value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// The smallest quota on the way from this process's cgroup to the root of what is visible.
std::optional<double> quota() {
  std::optional<double> least;
  const auto note = [&](double cpus) { least = std::min(least.value_or(cpus), cpus); };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",cpu,") == std::string::npos) continue;
    for (;;) {
      const std::string suffix = path == "/" ? "" : path;
      if (unified) {
        std::ifstream in("/sys/fs/cgroup" + suffix + "/cpu.max");
        std::string max;
        double period = 0;
        if (in >> max >> period && max != "max" && period > 0)
          note(std::strtod(max.c_str(), nullptr) / period);
      } else {
        const auto allowed = number_in("/sys/fs/cgroup/cpu" + suffix + "/cpu.cfs_quota_us");
        const auto period = number_in("/sys/fs/cgroup/cpu" + suffix + "/cpu.cfs_period_us");
        if (allowed && period && *allowed > 0 && *period > 0) note(*allowed / *period);
      }
      if (path == "/" || path.empty()) break;
      path.resize(path.rfind('/'));
      if (path.empty()) path = "/";
    }
  }
  return least;
}

unsigned affinity() {
  for (int most = 1024; most <= 1 << 20; most *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(most));
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    const bool ok = ::sched_getaffinity(0, size, set) == 0;
    const int count = ok ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (ok) return static_cast<unsigned>(std::max(count, 1));
  }
  return 1;
}

}  // namespace

unsigned usable_cpus() {
  const unsigned allowed = affinity();
  const auto limit = quota();
  if (!limit) return allowed;
  return std::clamp(static_cast<unsigned>(std::ceil(*limit)), 1U, allowed);
}

}  // namespace drover
