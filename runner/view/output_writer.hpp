// The body of the output's thread: takes events from the queue, lets the order make jobs of them, and does
// these: reads what waits, puts tags before lines, writes it, keeps the account. While a slow reader holds it
// up it goes on taking events and puts away in a file what memory must not hold.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "runner/view/output_options.hpp"
#include "runner/view/output_order.hpp"
#include "runner/view/output_queue.hpp"
#include "runner/view/sink.hpp"
#include "runner/view/spill.hpp"

namespace drover {

class OutputWriter {
 public:
  // All three outlive it.
  OutputWriter(const OutputOptions& options, const OutputCallbacks& callbacks, OutputQueue& queue);

  // The thread's body, with all signals blocked. Returns when the queue is closed and everything is written.
  void run();

  // Any thread.
  [[nodiscard]] TaskId wanted() const { return wanted_.load(std::memory_order_relaxed); }
  // Pairs with the release store after failure_ was set.
  [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_acquire); }
  // Precondition: broken().
  [[nodiscard]] const Error& failure() const { return *failure_; }

 private:
  struct Scratch {
    std::string block;
    std::string tagged;
  };

  [[nodiscard]] bool refill();
  void accept_next();
  void accept_all();
  void idle();
  [[nodiscard]] bool wait_for(int fd);
  [[nodiscard]] std::optional<Instant> ask_for_head();
  void perform(OutputJob job);
  void write_attempt(OutputAttempt& attempt, bool over);
  void write_part(OutputAttempt& attempt, Channel channel, std::uint64_t upto);
  void write_spilled(const SpilledOutput& spilled);
  template <class Put>
  void render(OutputPart& part, std::uint64_t upto, std::string_view tag, Scratch& scratch, Put put);
  void find_last_line(OutputPart& part);
  [[nodiscard]] WaitingOutput keep(OutputAttemptPtr attempt, OutputOrder::Turn turn);
  [[nodiscard]] WaitingOutput put_away(OutputAttemptPtr attempt);
  void paid(OutputAttempt& attempt, std::uint64_t bytes);
  void owe(const OutputLoad& load);
  void settle();

  const OutputOptions& options_;
  const OutputCallbacks& callbacks_;
  OutputQueue& queue_;
  OutputOrder order_;
  Sink sink_;
  Spill spill_;
  Scratch writing_;  // in use while the sink waits,
  Scratch keeping_;  // so what is put away meanwhile has its own
  OutputQueue::Taken taken_;
  std::size_t next_ = 0;  // of taken_.events
  OutputLoad owed_;       // written or dropped, not yet taken off the account
  bool blocked_ = false;
  bool spill_refused_ = false;
  OutputAttemptPtr head_;  // the last one that was seen running when there was nothing to write
  Instant head_since_;
  std::atomic<TaskId> wanted_ = 0;
  std::optional<Error> failure_;
  std::atomic<bool> broken_ = false;
};

}  // namespace drover
