#include "tests/bench/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <fstream>

#include "common/result.hpp"
#include "tests/bench/guarded.hpp"

namespace drover::bench {
namespace {

std::string cpu_model(const std::string& architecture) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return architecture + " CPU";  // ARM kernels name no model
}

std::string build_warning() {
  std::string why;
#ifndef __OPTIMIZE__
  why += " without optimisation";
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  why += " with a sanitizer";
#endif
  return why.empty() ? "" : "\nbuilt" + why + ": these numbers say little";
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};  // more CPUs than a cpu_set_t has bits
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    throw CannotMeasure(last_error("sched_setaffinity", fmt::format("CPU {}", cpu)).text());
  }
}

std::string machine_text() {
  utsname system{};
  ::uname(&system);
  return fmt::format("{}, CPUs allowed: {}, {} {}, {}{}", cpu_model(system.machine), allowed_cpus().size(),
                     system.sysname, system.release, compiler(), build_warning());
}

}  // namespace drover::bench
