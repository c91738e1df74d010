// The coordinator's side of the keeper: asks for workers, hears what became of them. Knows nothing of lanes
// or tasks. Nothing here blocks but start() (until the keeper's exec) and the destructor.
//
// For one thread at a time. A keeper that hangs up or breaks the protocol is killed: its pidfd then tells, as
// for any death.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/launch.hpp"
#include "common/outcome.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

struct WorkerStarted {
  WorkerId id = 0;
  pid_t pid = 0;
  UniqueFd pidfd;  // empty when this process may open no more descriptors
};

struct WorkerStartFailed {
  WorkerId id = 0;
  int code = 0;  // errno
  std::string text;
};

// Once for each WorkerStarted. The worker is reaped, and all that it left behind is gone.
struct WorkerExited {
  WorkerId id = 0;
  int status = 0;  // as wait4 gave it
  Usage usage;
  std::uint32_t unkillable = 0;  // but for so many processes, which SIGKILL did not end
  std::string unkillable_names;  // "1234 (tar), 1235 (cp)"
};

using KeeperEvent = std::variant<WorkerStarted, WorkerStartFailed, WorkerExited>;

class KeeperClient {
 public:
  struct Options {
    std::string keeper_program;  // started as `keeper_program KEEPER_FLAG WORKER_PROGRAM`
    std::string keeper_flag = "--keeper";
    std::string worker_program;  // empty: the keeper's own
    int image_fd = -1;  // not -1: workers start from this descriptor's file instead; it stays the caller's
    bool keeper_from_image = false;  // and so does the keeper
    // What the workers get: those of this process at its own start. Unset: those of now.
    std::optional<sigset_t> mask;
    std::optional<sigset_t> ignored;
    // After this time the destructor kills the keeper. More than the keeper's own 5 s for what cannot be
    // killed.
    Duration farewell = std::chrono::seconds(6);
  };

  // Actionable errors: those of launch().
  static Result<KeeperClient> start(const Options& options);

  KeeperClient(KeeperClient&&) noexcept;
  KeeperClient& operator=(KeeperClient&&) noexcept;  // ends the one that was here before
  // Ends the keeper, and so all workers and all that they started, and waits for that. In a process that was
  // forked from the one that started the keeper: only forgets it.
  ~KeeperClient();

  [[nodiscard]] pid_t pid() const;
  // Readable, as long as next_event() has something to do. Wait on it, do not read it.
  [[nodiscard]] int fd() const;
  // Readable when the keeper is dead: take the events that are left, then every worker without an exit is
  // lost.
  [[nodiscard]] int pidfd() const;

  // Answered by WorkerStarted or WorkerStartFailed, once, unless the keeper dies. `args` is the whole argv;
  // targets as in LaunchOptions. The descriptors stay the caller's, who may close them at once. When the
  // keeper is slow the request is kept here. On failure nothing was asked for. Actionable errors: E2BIG (too
  // many arguments or descriptors), EPIPE (the keeper is dead), EMFILE, ETOOMANYREFS (too many descriptors
  // open, or under way). Precondition: an id that this keeper has never been asked for.
  Status start_worker(WorkerId id, std::span<const LaunchOptions::Pass> pass,
                      std::span<const std::string> args);

  // The next one, or nullopt: nothing for now. Also sends what is kept.
  [[nodiscard]] std::optional<KeeperEvent> next_event();

 private:
  class Connection;
  explicit KeeperClient(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace drover
