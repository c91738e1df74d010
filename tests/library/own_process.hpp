// What this process has open, running and begotten: to compare before and after a Coordinator.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/processes.hpp"

namespace drover::test {

inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(folder, gone))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

struct OwnProcess {
  std::size_t threads = names_in("/proc/self/task").size();
  std::vector<std::string> descriptors = names_in("/proc/self/fd");
  std::vector<pid_t> children = children_of(::getpid(), "");
  friend bool operator==(const OwnProcess&, const OwnProcess&) = default;
};

inline std::uint64_t resident_kib(pid_t pid) {
  return status_number(proc_file(pid, "status"), "VmRSS");
}

}  // namespace drover::test
