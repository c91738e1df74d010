// What a command finds as its standard input. Knows nothing of processes.
#pragma once

#include "common/command.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

class StdinSource {
 public:
  // Never blocks, whatever lies at the path. Actionable errors: ENOENT, EACCES, EISDIR (the path), ENOSPC (a
  // text and no memory for it); without errno: a FIFO, whose open would wait for a writer.
  static Result<StdinSource> open(const Command& command);

  [[nodiscard]] int fd() const { return fd_; }

 private:
  explicit StdinSource(UniqueFd own) : own_(std::move(own)), fd_(own_.get()) {}
  explicit StdinSource(int shared) : fd_(shared) {}

  UniqueFd own_;
  int fd_;
};

}  // namespace drover
