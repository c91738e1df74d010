// How the output of tasks is to be shown, and whom to tell what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace drover {

struct OutputOptions {
  enum class Mode : std::uint8_t { Group, Line, None };

  int out_fd = 1;
  int err_fd = 2;
  Mode mode = Mode::Group;
  bool keep_order = false;
  bool tag = false;
  bool notes = true;  // what drover itself has to say: failures, the summary
  // Waiting output beyond this goes to an unlinked file.
  std::size_t memory_limit = std::size_t{16} << 20;
  // How much may wait in files, the tasks' own included, before full().
  std::uint64_t spool_limit = std::uint64_t{4} << 30;
  // For so long the first unfinished task runs before its output is wanted live: short tasks are not worth
  // it.
  Duration live_after = std::chrono::milliseconds(20);
};

// All are called from the stage's own thread, with no lock held: they must be quick and must not call
// finish(). Writing an eventfd is the thought.
struct OutputCallbacks {
  std::function<void(TaskId)> on_head;  // wanted_live() has become this one: see OutputStage
  std::function<void()> on_drained;     // full() is false again
  std::function<void()> on_broken;      // broken() is true: nobody reads, or the disk is full
  std::function<void()> on_closed;      // after close(): everything is written
};

}  // namespace drover
