// The worker's end of a lane. Single-threaded. Trusts the coordinator, who made it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/claim.hpp"
#include "common/lane_format.hpp"
#include "common/outcome.hpp"
#include "common/segment.hpp"

namespace drover {

// A task that this worker has begun. The views live until its outcome is published.
struct TakenTask {
  Hand hand;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  std::uint32_t function = 0;
  std::uint32_t flags = 0;
  std::uint32_t slot = 0;
  bool last_of_entry = false;
  std::string_view args;
};

class WorkerLane {
 public:
  // `bell` is an eventfd that wakes the coordinator.
  static Result<WorkerLane> adopt(UniqueFd down, UniqueFd up, UniqueFd bell);

  // Says who this worker is and that it is ready; rings.
  void greet(std::uint32_t functions, std::uint64_t functions_hash);
  [[nodiscard]] const DownConstants& constants() const { return down_->constants; }
  // Stays where it is when the lane is moved. Any thread.
  [[nodiscard]] const DownHeader& down() const { return *down_; }

  // Begins the next task. Never waits.
  bool try_take(TakenTask& taken);
  // Spins as long as the coordinator allows, then sleeps, until there is a task to take or a message to read.
  void wait_for_work();
  // The coordinator has sent something over the socket that was not yet looked at.
  [[nodiscard]] bool message_waiting() const;
  // As many messages have been read.
  void messages_read(std::uint32_t count) { messages_read_ += count; }

  // How large a result may be to travel in the lane.
  [[nodiscard]] std::size_t most_result() const { return down_->constants.results_size / 2; }
  // Publishes the outcome of the task in hand and rings if the coordinator sleeps. Waits only when the
  // coordinator has not taken a whole ring of outcomes yet. Precondition: result.size() <= most_result().
  void publish(const TakenTask& taken, OutcomeKind kind, std::uint8_t flags, std::uint64_t wall_ns,
               std::string_view result);

  // The coordinator asked the attempt in hand to stop. Asking tells it that this attempt listens.
  [[nodiscard]] bool stop_wanted(Hand hand) {
    if (up_->board.listens.load(std::memory_order_relaxed) != hand.pack())
      up_->board.listens.store(hand.pack(), std::memory_order_relaxed);
    return down_->stop_wanted.load(std::memory_order_relaxed) == hand.pack();
  }
  // Keeps the end of what a command writes to stderr where it survives this process.
  void keep_stderr(Hand hand, std::string_view bytes);
  [[nodiscard]] Board& board() { return up_->board; }
  // Any thread of the task in hand, but one at a time. Text beyond kBoardText bytes is cut.
  void report_progress(Hand hand, std::uint64_t done, std::uint64_t total, std::string_view text);
  // Rings if the coordinator sleeps, at once.
  void ring();

 private:
  WorkerLane(Segment down, Segment up, UniqueFd bell);
  [[nodiscard]] bool work_waiting() const;
  [[nodiscard]] bool place_result(std::size_t size, std::uint32_t& offset);
  void release_taken_results();

  Segment down_segment_, up_segment_;
  UniqueFd bell_;
  const DownHeader* down_ = nullptr;
  UpHeader* up_ = nullptr;
  const TaskCell* cells_ = nullptr;
  const char* args_ = nullptr;
  OutcomeRecord* outcomes_ = nullptr;
  char* results_ = nullptr;
  std::uint64_t published_ = 0;
  std::uint64_t rung_at_ = 0;  // published_ at the last ring or look that found it awake
  std::uint32_t rung_epoch_ = 0;
  std::uint32_t messages_read_ = 0;
  // Absolute positions in the results' arena: [results_begin_, results_end_) is in use.
  std::uint64_t results_begin_ = 0, results_end_ = 0;
  std::uint64_t released_ = 0;              // outcomes whose place in the arena is free again
  std::vector<std::uint64_t> result_ends_;  // by outcome number: where its result ends
};

}  // namespace drover
