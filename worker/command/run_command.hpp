// Runs one command from its start until nothing of it is left. Knows nothing of lanes, retries or other
// tasks.
//
// For a process that has one thread, whose only children are what it runs here, and which runs one command at
// a time: orphans of two could not be told apart. Nothing here exits or throws; a command that fails is data.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/captured.hpp"
#include "common/command.hpp"
#include "common/outcome.hpp"
#include "common/result.hpp"

namespace drover {

// What the outside wants of the command that runs; several requests at once add up.
struct Requests {
  bool stop = false;              // SIGTERM and SIGCONT now, SIGKILL after the grace
  bool kill_now = false;          // SIGKILL now
  bool go_live = false;           // live output from here on
  std::optional<Duration> grace;  // for stop; unset: the command's own
};

inline constexpr std::size_t kLastOfStderr = 2048;

// The outside world, as a running command knows it.
class CommandControl {
 public:
  virtual ~CommandControl() = default;

  // Readable when a request waits; -1: none will come. Asked before each wait.
  [[nodiscard]] virtual int fd() const = 0;
  // Called when fd() is readable or hung up. Never blocks, and takes away what made it readable: when the
  // other end is gone, fd() is -1 from then on.
  [[nodiscard]] virtual Requests take_requests() = 0;
  // Live output begins: the two spool files, which stay open until run_command() returns them. Their
  // descriptions are shared: read with pread. Not called when no spool file could be made; all output is then
  // in the result.
  virtual void on_live(int out_fd, int err_fd) = 0;
  // Live only: so many bytes lie in the two spool files now.
  virtual void on_output(std::uint64_t out_bytes, std::uint64_t err_bytes) = 0;
  // The newest bytes of stderr, at most kLastOfStderr of them: for the account of a worker that dies.
  virtual void on_stderr(std::string_view /*bytes*/) {}
  // Of lines that come faster than they are read, only the last.
  virtual void on_progress(std::uint64_t done, std::uint64_t total, std::string_view text) = 0;
};

struct CommandResult {
  Outcome outcome;
  CapturedStream out,
      err;  // of output that could not be spooled: the beginning; the outcome's message says so
};

// Once, before the first command. From here on this process inherits what its commands leave behind, SIGCHLD
// is default (ignored, it would reap before us), and a limit on file sizes refuses a spool instead of ending
// us.
Status become_reaper();

// Returns when the command and everything that it started is gone, or was given up 5 s after SIGKILL.
[[nodiscard]] CommandResult run_command(const Command& command, CommandControl& control);

}  // namespace drover
