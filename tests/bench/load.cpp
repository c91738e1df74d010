#include "tests/bench/load.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string>

#include "common/clock.hpp"

namespace drover::bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The first line of /proc/stat, in ticks; 0 where it cannot be read.
double machine_seconds() {
  enum Field { User, Nice, System, Idle, IoWait, Irq, SoftIrq, Steal, kFields };
  std::array<double, kFields> ticks{};
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  for (double& field : ticks) file >> field;
  double busy = 0;
  for (const Field field : {User, Nice, System, Irq, SoftIrq, Steal}) busy += ticks.at(field);
  return busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

LoadMark mark_load() {
  return {now_ns(), machine_seconds(), cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN)};
}

double foreign_cpus(const LoadMark& from, const LoadMark& to) {
  if (to.at_ns <= from.at_ns) return 0;
  const double wall = static_cast<double>(to.at_ns - from.at_ns) / 1e9;
  return std::max(0.0, ((to.machine - from.machine) - (to.own - from.own)) / wall);
}

}  // namespace drover::bench
