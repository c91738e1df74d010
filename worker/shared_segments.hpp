// Finds the shared memory to which a task's arguments refer.
#pragma once

#include <drover/codec.hpp>

#include "worker/loop.hpp"

namespace drover {

// For the worker's own thread: it reads messages until the memory has come. Lives as long as the desk at
// most.
class SharedSegments final : public detail::SegmentFinder {
 public:
  explicit SharedSegments(WorkerDesk& desk) : desk_(desk) {}

  // Throws DecodeError when it cannot come any more, or did not come as the coordinator had said.
  std::shared_ptr<detail::SharedSegment> find(std::uint64_t id) override;

 private:
  WorkerDesk& desk_;
};

}  // namespace drover
