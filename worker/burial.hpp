// What dead workers left behind: kills it, says when it is gone, gives up on what SIGKILL does not end. Knows
// nothing of sockets, and never waits: the keeper calls settle() after each round of reaping.
//
// A stray is a child of the keeper that is no live worker. Live workers inherit their own orphans, so a stray
// belongs to a dead one; to which of several, nobody can tell: their burials end together.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/outcome.hpp"

namespace drover {

struct DeadWorker {
  WorkerId id = 0;
  int status = 0;  // as wait4 gave it
  Usage usage;
};

struct BuriedWorker {
  DeadWorker worker;
  std::uint32_t unkillable = 0;  // strays that were given up, each told once
  std::string unkillable_names;
};

class Burial {
 public:
  explicit Burial(Duration give_up_after) : give_up_after_(give_up_after) {}

  void on_worker_died(const DeadWorker& worker, Instant when) {
    graves_.push_back({worker, when + give_up_after_});
  }
  void on_reaped(pid_t pid) { strays_.erase(pid); }

  [[nodiscard]] bool is_open() const { return !graves_.empty(); }
  // While a burial is open. `strays`: all that there are, listed after everything dead was reaped. Kills the
  // new ones, and returns the workers whose burial is over.
  [[nodiscard]] std::vector<BuriedWorker> settle(std::span<const pid_t> strays, Instant now);
  // When settle() is due even if no child ends. Unset: no burial is open.
  [[nodiscard]] std::optional<Instant> deadline() const;

 private:
  struct Grave {
    DeadWorker worker;
    Instant deadline;  // a fork bomb that outruns us holds its worker's report back no longer
  };
  struct Stray {
    Instant deadline;
    bool told = false;  // counted in a report
  };

  [[nodiscard]] bool anyone_pending() const;
  [[nodiscard]] BuriedWorker close_front(Instant now);

  Duration give_up_after_;
  std::deque<Grave> graves_;       // in the order of their deaths
  std::map<pid_t, Stray> strays_;  // killed and not yet reaped
};

}  // namespace drover
