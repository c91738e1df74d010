// A worker as the coordinator knows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
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
  // Messages that came without their descriptors, as when this process has no room for more: an outcome that
  // misses some is no lie then.
  std::size_t messages_lost = 0;

  std::optional<Ending> ending;
  std::optional<Instant> deadline;  // when to look whether the attempt in hand is over its time
  std::optional<Hand> seen_hand;    // what it had in hand at that look, and since when
  std::uint64_t seen_ns = 0;

  // The attempt that was in hand when it died; told once the keeper has buried it.
  std::optional<CoordinatorLane::InHand> lost;
  std::optional<LaneProgress> lost_progress;
  // All that it held was taken back before it had begun any of it, so it may stand still: until then others
  // are given tasks first, and nothing is taken from them for it.
  Instant last_choice_until{};
  std::uint64_t tasks_given = 0;
  std::uint32_t set_ups_before = 0;  // how many there were when it was started
  std::uint32_t set_ups_given = 0, set_ups_done = 0;
  std::string refused;                  // why it gets no tasks: one of its set-ups has failed
  std::vector<std::uint64_t> unshared;  // parts that it may unmap and was not told of yet
  bool socket_full = false;             // nothing more could be sent to it: it is watched for room
  std::set<std::uint64_t> shared;       // parts that it has
  bool lied = false;
  bool terminated = false;     // was sent SIGTERM for the attempt in hand
  bool used = false;           // has been given something
  bool holds_suspect = false;  // and that one task only, ever
  bool idle_death =
      false;  // died before it greeted, or with nothing in hand: counts against the restart limit

  bool live = false;  // the attempt in hand has live output
  std::uint64_t live_out = 0, live_err = 0;

  [[nodiscard]] bool idle() const { return slot == 0; }
  [[nodiscard]] bool usable() const {
    return !terminated && refused.empty() &&
           (state == State::Ready || (state == State::Starting && kind == TaskKind::Command));
  }
  [[nodiscard]] bool gone() const { return state == State::Doomed || state == State::Dead; }
};

}  // namespace drover
