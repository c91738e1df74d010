// What /proc tells of the processes of a run. A run's processes are known by a mark in their environment,
// which keeper, workers and tasks inherit: so "nothing is left" can be looked up. Reads only; kills nobody.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/unique_fd.hpp"

namespace drover::test {

// Empty when the process is gone or a zombie.
inline std::string proc_file(pid_t pid, const std::string& name) {
  // No stream: it would throw when the process ends between open and read.
  const UniqueFd fd(::open(("/proc/" + std::to_string(pid) + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char bytes[4096];
  for (ssize_t got = 0; fd && (got = ::read(fd.get(), bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(got));
  return text;
}

inline std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

// "NAME=VALUE"; a process that is being exec'd or is a zombie has no environment for a moment or for ever.
inline std::vector<pid_t> processes_with_mark(const std::string& mark) {
  std::vector<pid_t> found;
  const std::string entry = mark + '\0';
  for (const pid_t pid : all_processes())
    if (pid != ::getpid() && proc_file(pid, "environ").find(entry) != std::string::npos) found.push_back(pid);
  return found;
}

inline std::string command_line(pid_t pid) {
  std::string words = proc_file(pid, "cmdline");
  std::replace(words.begin(), words.end(), '\0', ' ');
  return words;
}

// The fields of /proc/PID/stat from the third on: state, ppid, …
inline std::vector<std::string> stat_fields(pid_t pid) {
  const std::string text = proc_file(pid, "stat");
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream in(text.substr(name_end + 1));
  return {std::istream_iterator<std::string>(in), {}};
}

inline std::vector<pid_t> children_of(pid_t parent, const std::string& word) {
  std::vector<pid_t> children;
  for (const pid_t pid : all_processes()) {
    const auto fields = stat_fields(pid);
    if (fields.size() > 1 && fields[1] == std::to_string(parent) &&
        command_line(pid).find(word) != std::string::npos)
      children.push_back(pid);
  }
  return children;
}

// 0 when there is none just now.
inline pid_t keeper_of(pid_t coordinator) {
  const auto keepers = children_of(coordinator, " --keeper ");
  return keepers.empty() ? 0 : keepers.front();
}

inline std::vector<pid_t> workers_of(pid_t coordinator) {
  const pid_t keeper = keeper_of(coordinator);
  return keeper == 0 ? std::vector<pid_t>{} : children_of(keeper, " --worker ");
}

inline std::uint64_t status_number(const std::string& status, const std::string& key) {
  std::istringstream in(status);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key + ":")) return std::stoull(line.substr(key.size() + 1));
  FAIL("no " << key << " in /proc/PID/status");
  return 0;
}

inline std::uint64_t peak_memory_kib(pid_t pid) {
  return status_number(proc_file(pid, "status"), "VmHWM");
}

struct CpuUse {
  std::uint64_t ticks = 0;     // user and system
  std::uint64_t switches = 0;  // voluntary ones, of all threads: how often one of them has slept
  friend bool operator==(const CpuUse&, const CpuUse&) = default;
};

inline CpuUse cpu_use(pid_t pid) {
  CpuUse use;
  const auto fields = stat_fields(pid);
  REQUIRE(fields.size() > 12);
  use.ticks = std::stoull(fields[11]) + std::stoull(fields[12]);
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    use.switches += status_number(proc_file(pid, "task/" + thread.path().filename().string() + "/status"),
                                  "voluntary_ctxt_switches");
  return use;
}

// Waits until no process has the mark, and says how long that took; those that are left after `bound` are for
// the caller to find. Sleeps on the processes themselves.
inline Duration wait_until_gone(const std::string& mark, Duration bound) {
  const Instant begun = now();
  for (;;) {
    const auto left = processes_with_mark(mark);
    const Duration passed = now() - begun;
    if (left.empty() || passed > bound) return passed;
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, left.front(), 0)));
    if (!pidfd) continue;
    pollfd end{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    ::poll(&end, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(bound - passed).count()));
  }
}

inline std::string describe_processes(const std::vector<pid_t>& pids) {
  std::string text;
  for (const pid_t pid : pids) {
    const auto fields = stat_fields(pid);
    text +=
        "\n  " + std::to_string(pid) + " " + (fields.empty() ? "gone" : fields[0]) + " " + command_line(pid);
  }
  return text;
}

inline std::set<std::string> shm_names() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
    names.insert(entry.path().filename());
  return names;
}

}  // namespace drover::test
