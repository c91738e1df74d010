// Starts one of drover's own processes: keeper or worker. Commands are started elsewhere (worker/command),
// faster and with more care for what they find.
//
// The child gets the listed descriptors, 0 to 2 as they are, and no other. What the caller catches is default
// in it; what the caller ignores stays ignored. The caller reaps it; nothing here remembers it.
//
// From any thread, blocks until exec has happened or failed. With a death signal: it fires when the calling
// THREAD ends, so call from one that lives as long as the process.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

struct LaunchOptions {
  struct Pass {
    int fd;      // here; stays open here
    int target;  // there: 0 to 1023
  };

  // A path, not searched in PATH. "/proc/self/fd/N" starts the binary that descriptor N has open, whatever N
  // is in `pass`; no script can start so, as its interpreter would not find N.
  std::string program;
  std::vector<std::string> args;  // argv, argv[0] included
  std::vector<Pass> pass;         // targets are distinct; sources and targets may overlap in any way
  bool null_stdin = false;        // unless 0 is a target
  bool new_session = false;
  bool subreaper = false;           // inherits its orphans from its first instruction on
  int death_signal = 0;             // sent when the calling thread ends; 0: none
  std::optional<sigset_t> mask;     // instead of the caller's
  std::optional<sigset_t> ignored;  // exactly these are ignored, all others default; instead of the caller's
};

struct Launched {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// Actionable errors: ENOENT, EACCES (the program), EAGAIN, ENOMEM (no more processes), EMFILE (no more
// descriptors). On failure nothing is left behind, no zombie either.
Result<Launched> launch(const LaunchOptions& options);

}  // namespace drover
