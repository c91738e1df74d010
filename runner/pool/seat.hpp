// A worker as the coordinator knows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/coordinator_lane.hpp"
#include "common/ids.hpp"
#include "common/lane_message.hpp"
#include "common/outcome.hpp"
#include "common/task.hpp"
#include "common/unique_fd.hpp"

namespace drover {

// Tasks that were put into the lane together.
struct Given {
  LaneRun run;
  std::uint32_t group = 0;
  Duration timeout{0};
  Duration grace{0};
};

struct Seat {
  enum class State {
    Starting,  // asked for; function workers get nothing before they have greeted
    Ready,
    Doomed,  // we have killed it, or it is as good as dead: gets nothing more
    Dead,    // its process has ended; the keeper's report is still to come
  };
  // How the attempt in hand is being ended.
  struct Ending {
    TaskId task = 0;
    Attempt attempt = 0;
    OutcomeKind kind = OutcomeKind::Cancelled;  // or TimedOut
    std::string message;
  };

  Seat(WorkerId number, TaskKind task_kind, CoordinatorLane own_lane)
      : id(number), kind(task_kind), lane(std::move(own_lane)) {}

  WorkerId id;
  TaskKind kind;
  State state = State::Starting;
  CoordinatorLane lane;
  UniqueFd bell, socket, pidfd;
  UniqueFd out_log, err_log;              // what a function worker prints, until it hands it in
  pid_t pid = 0;                          // for people; signals go to the pidfd
  SlotNumber slot = 0;                    // 0: has no task
  std::deque<Given> given;                // oldest first; begins with what the lane's oldest belongs to
  std::vector<ReceivedMessage> received;  // descriptors whose outcome is still to be drained

  std::optional<Ending> ending;
  std::optional<Instant> deadline;  // when to look whether the attempt in hand is over its time
  std::optional<Hand> seen_hand;    // what it had in hand at that look, and since when
  std::uint64_t seen_ns = 0;

  // The attempt that was in hand when it died; told once the keeper has buried it.
  std::optional<CoordinatorLane::InHand> lost;
  std::string lost_progress;
  bool lied = false;
  bool used = false;           // has been given something
  bool holds_suspect = false;  // and that one task only, ever
  bool idle_death =
      false;  // died before it greeted, or with nothing in hand: counts against the restart limit

  bool live = false;  // the attempt in hand has live output
  std::uint64_t live_out = 0, live_err = 0;

  [[nodiscard]] bool idle() const { return slot == 0; }
  [[nodiscard]] bool usable() const {
    return state == State::Ready || (state == State::Starting && kind == TaskKind::Command);
  }
  [[nodiscard]] bool gone() const { return state == State::Doomed || state == State::Dead; }
};

}  // namespace drover
