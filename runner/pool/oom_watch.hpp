// Has the kernel killed something for want of memory since the last look? All that there is to tell such a
// SIGKILL from any other, when no cgroup of our own counts. Coarse: it counts the whole machine.
#pragma once

#include <cstdint>
#include <string>

namespace drover {

class OomWatch {
 public:
  // `counts`: a file in the form of /proc/vmstat.
  explicit OomWatch(std::string counts);
  [[nodiscard]] bool killed_since_last_look();

 private:
  [[nodiscard]] std::uint64_t count_kills() const;

  std::string counts_;
  std::uint64_t kills_ = 0;
};

}  // namespace drover
