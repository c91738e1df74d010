// The coordinator's end of a lane. Single-threaded. Trusts nothing that it reads: each record is copied once
// and the copy is checked against what was handed out; whatever does not fit is a lie, and a lane that lies
// is done with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/claim.hpp"
#include "common/ids.hpp"
#include "common/lane_format.hpp"
#include "common/outcome.hpp"
#include "common/segment.hpp"
#include "common/task.hpp"

namespace drover {

// Consecutive tasks of one attempt number.
struct LaneRun {
  TaskId first = 0;
  std::uint32_t count = 0;
  Attempt attempt = 0;
  friend bool operator==(const LaneRun&, const LaneRun&) = default;
};

// What a worker said of one attempt. `result` lives until the next call to the lane.
struct LaneOutcome {
  TaskId task = 0;
  Attempt attempt = 0;
  OutcomeKind kind = OutcomeKind::Succeeded;
  std::uint8_t flags = 0;
  std::uint64_t wall_ns = 0;
  std::string_view result;
};

// A copy of the progress board.
struct LaneProgress {
  Hand hand;
  std::uint64_t done = 0, total = 0, at_ns = 0;
  std::string text;
};

class CoordinatorLane {
 public:
  // Told what drain finds, in the order in which the worker published it.
  class Sink {
   public:
    virtual ~Sink() = default;
    // `count` tasks from `first` on succeeded and had nothing to say; together they took wall_ns.
    virtual void on_succeeded(TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns) = 0;
    virtual void on_outcome(const LaneOutcome& outcome) = 0;
  };
  enum class Push { Done, Full, TooLarge };

  static Result<CoordinatorLane> create(WorkerId worker, TaskKind kind, const LaneShape& shape);

  [[nodiscard]] int down_fd() const { return down_segment_.fd(); }
  [[nodiscard]] int up_fd() const { return up_segment_.fd(); }

  // The mappings stay, the descriptors go: once the worker has got them.
  void close_fds() {
    down_segment_.close_fd();
    up_segment_.close_fd();
  }

  // Has the worker said that it is ready, and does it speak our version?
  enum class Greeting { None, Welcome, WrongVersion };
  [[nodiscard]] Greeting greeting(std::uint32_t functions, std::uint64_t functions_hash) const;

  // Writes an entry; publish() makes all written ones visible at once and wakes the worker if it sleeps.
  // `args`: one string an item, or none at all. TooLarge: never fits, send it by descriptor; Full: not now.
  Push try_push(const LaneRun& run, std::uint32_t function, std::uint32_t slot, std::uint32_t flags,
                const std::string_view* args, std::size_t args_count);
  void publish();
  [[nodiscard]] std::size_t most_args() const { return shape_.args_size / 2; }

  // Takes every outcome that is published, at most a ring's worth. False: the lane lied.
  [[nodiscard]] bool drain(Sink& sink);
  [[nodiscard]] bool outcomes_waiting() const {
    return up_->outcomes_published.load(std::memory_order_seq_cst) != taken_;
  }
  // How many tasks were handed out and have no outcome yet, and in how many entries.
  [[nodiscard]] std::uint32_t outstanding() const { return outstanding_; }
  [[nodiscard]] std::uint32_t entries() const { return static_cast<std::uint32_t>(pushed_ + 1 - oldest_); }
  // The first one without an outcome: what the worker has in hand, or begins next.
  [[nodiscard]] LaneRun oldest() const;

  // Takes back about `most` tasks (>= 1) that were not begun, the latest first: entries that the worker has
  // not opened go as a whole. What it returns was never begun and never will be by this worker; empty: it has
  // begun them all. nullopt: the lane lied.
  std::optional<std::vector<LaneRun>> recall(std::uint32_t most);

  // The attempt in hand; none between two tasks. Call drain first. nullopt inside: nothing in hand.
  struct InHand {
    Hand hand;
    TaskId task = 0;
    Attempt attempt = 0;
  };
  [[nodiscard]] std::optional<InHand> in_hand() const;
  // False: the claim word contradicts what was handed out and drained. An honest worker may have moved on
  // since the last drain: it is a lie only if outcomes_waiting() says afterwards that there are none.
  [[nodiscard]] bool claim_is_possible() const;
  // Forbids the worker to begin anything more, if it still has this in hand; false: it has moved on.
  bool condemn(Hand hand);
  void pardon();
  // Asks the attempt in hand to stop by itself.
  void want_stop(Hand hand);

  // After the worker's death and a last drain: what it had in hand, and what it had not begun.
  // After a lie (honest is false) nobody knows what it has begun: of several tasks none is told as in hand,
  // and one that is told as not begun may have been.
  struct Remains {
    std::optional<InHand> in_hand;
    std::vector<LaneRun> not_begun;
    bool honest = true;
  };
  [[nodiscard]] Remains remains() const;

  // Between these two the worker rings when it has published `outcomes` more than were taken, or has nothing
  // left to do. After declare_sleep look at wake_due(): what came before it is not rung for.
  void declare_sleep(std::uint32_t outcomes = 1);
  [[nodiscard]] bool wake_due() const;
  void declare_awake();
  void set_spin(Duration spin);
  void message_sent();  // a message went out over the socket: wakes an idle worker to read it

  [[nodiscard]] std::optional<LaneProgress> progress() const;
  [[nodiscard]] std::uint64_t started_ns() const;
  [[nodiscard]] std::uint64_t out_bytes() const;
  [[nodiscard]] std::uint64_t err_bytes() const;
  // The function in hand looks at stop_requested.
  [[nodiscard]] bool listens(Hand hand) const;
  // The last that the command in hand wrote to stderr. Only of a worker that is dead: nobody else stands
  // still.
  [[nodiscard]] std::string stderr_tail(Hand hand) const;

 private:
  struct Entry {
    TaskId task = 0;
    std::uint32_t count = 0;
    std::uint32_t done = 0;
    Attempt attempt = 0;
    std::uint64_t args_begin = 0, args_end = 0;  // absolute positions in the arena
  };
  CoordinatorLane(Segment down, Segment up, const LaneShape& shape);
  [[nodiscard]] Entry& entry(std::uint64_t ticket) { return entries_[ticket & (shape_.cells - 1)]; }
  [[nodiscard]] const Entry& entry(std::uint64_t ticket) const {
    return entries_[ticket & (shape_.cells - 1)];
  }
  // The full number of the entry that the word speaks of; nullopt when it contradicts what was published.
  [[nodiscard]] std::optional<std::uint64_t> opened(const Claim& claim) const;
  void pop_complete();

  Segment down_segment_, up_segment_;
  LaneShape shape_{};
  DownHeader* down_ = nullptr;
  UpHeader* up_ = nullptr;
  TaskCell* cells_ = nullptr;
  char* args_ = nullptr;
  const OutcomeRecord* outcomes_ = nullptr;
  const char* results_ = nullptr;
  std::vector<Entry> entries_;   // by ticket
  std::uint64_t oldest_ = 1;     // ticket of the first entry with tasks outstanding; pushed_ + 1 when none
  std::uint64_t pushed_ = 0;     // ticket of the last entry written
  std::uint64_t published_ = 0;  // ticket of the last entry published
  std::uint64_t taken_ = 0;      // outcomes
  std::uint64_t wake_at_ = 1;
  std::uint64_t args_begin_ = 0, args_end_ = 0;  // absolute: [begin, end) of the arena is in use
  std::uint32_t outstanding_ = 0;
  std::optional<TaskId> stopping_;  // who is asked to stop
  std::string result_;              // private copy of what is being looked at
};

}  // namespace drover
