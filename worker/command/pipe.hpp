// A pipe from a command to us. We keep the command's end open too, until the command is over: so there is no
// end of file to wait for or to spin on, whoever closes or holds the other end.
#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

struct Pipe {
  UniqueFd ours;    // for reading, never blocks
  UniqueFd theirs;  // for writing, blocks when the pipe is full

  // Errors: EMFILE, ENFILE.
  static Result<Pipe> make();
  // How many bytes wait in it.
  [[nodiscard]] std::size_t waiting() const;
};

}  // namespace drover
