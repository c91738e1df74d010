// Has the kernel killed something for want of memory since the last look? All that there is to tell such a
// SIGKILL from any other, when no cgroup of our own counts. Coarse: it counts the whole machine.
#pragma once

#include <cstdint>

namespace drover {

class OomWatch {
 public:
  OomWatch();
  [[nodiscard]] bool killed_since_last_look();

 private:
  std::uint64_t kills_ = 0;
};

}  // namespace drover
