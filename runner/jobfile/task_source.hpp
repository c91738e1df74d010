// Tasks that arrive one after the other, from a list that may be endless. The reader's side of a stream: it
// never waits and keeps nothing of what it gave.
#pragma once

#include <cstdint>

#include "common/task.hpp"
#include "runner/jobfile/diagnostic.hpp"

namespace drover {

class TaskSource {
 public:
  enum class Next {
    Task,     // the task is filled in
    Blocked,  // no whole task is there yet: wait until wait_fd() is readable or hung up, then ask again
    End,      // there are no more
    Error,    // the diagnostic is filled in; there are no more
  };

  TaskSource() = default;
  TaskSource(const TaskSource&) = delete;
  TaskSource& operator=(const TaskSource&) = delete;
  virtual ~TaskSource() = default;

  // Never blocks for long. End and Error are final: asked again, it answers the same.
  virtual Next next(TaskSpec& task, Diagnostic& diagnostic) = 0;
  // The descriptor to wait on after Blocked. It belongs to the source, or to whoever lent it.
  [[nodiscard]] virtual int wait_fd() const = 0;
};

}  // namespace drover
