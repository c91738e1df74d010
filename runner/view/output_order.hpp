// Which output is written next: events of tasks in, jobs for the writer out, first in first out. The only
// place that knows what group, line and keep-order mean. Makes no system call but closing what is dropped;
// knows nothing of descriptors 1 and 2. For the writer thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "common/unique_fd.hpp"
#include "runner/view/output_options.hpp"
#include "runner/view/output_queue.hpp"
#include "runner/view/sink.hpp"

namespace drover {

// One stream of an attempt; [from, size) is not yet written.
struct OutputPart {
  std::string memory;  // all of it, unless there is a file
  UniqueFd file;
  std::uint64_t from = 0;
  std::uint64_t size = 0;
  std::uint64_t scanned = 0;   // live: newlines were looked for up to here
  std::uint64_t line_end = 0;  // live: just behind the last newline found
  std::uint64_t punched = 0;   // live: given back to the file system up to here
  bool line_start = true;
};

struct OutputAttempt {
  OutputPart parts[2];
  std::string name;    // only when tagged
  OutputLoad load;     // on the queue's account
  bool live = false;   // its files grow, or grew, while it ran(s)
  bool shown = false;  // something of it was or will be written before its end
  bool pump_queued = false;
  bool asked = false;  // its live output was asked for

  [[nodiscard]] OutputPart& part(Channel channel) { return parts[static_cast<int>(channel)]; }
};
using OutputAttemptPtr = std::shared_ptr<OutputAttempt>;

// An attempt's output in the spill file, as it will be written: out's bytes, then err's.
struct SpilledOutput {
  std::uint64_t at = 0;
  std::uint64_t out_size = 0;
  std::uint64_t err_size = 0;
};

// Nothing at all, output as it came, or output put away.
using WaitingOutput = std::variant<std::monostate, OutputAttemptPtr, SpilledOutput>;

struct OutputJob {
  enum class Kind : std::uint8_t {
    Pump,    // write what is there of a live attempt
    Output,  // write all that is left of an attempt
    Drop,    // it is not to be written
    Passed,  // so many tasks without output are over
    Note,
  };
  Kind kind = Kind::Note;
  WaitingOutput what;
  std::uint64_t passed = 0;
  std::string text;
};

// What an event puts on the account when it is pushed.
[[nodiscard]] OutputLoad load_of(const OutputEvent& event, const OutputOptions& options);

[[nodiscard]] OutputLoad load_of_note(const std::string& text);

class OutputOrder {
 public:
  enum class Turn : std::uint8_t { Next, Later };
  // Called for output that is over and waits, for its turn (Later) or for the jobs before it: may put it
  // away.
  using Keep = std::function<WaitingOutput(OutputAttemptPtr, Turn)>;

  OutputOrder(const OutputOptions& options, Keep keep);

  // Returns what has come on the account beside load_of(): what live output has grown.
  [[nodiscard]] OutputLoad accept(OutputEvent event);
  // Nothing more comes: what still waits gets its jobs, gaps or not.
  void close();
  [[nodiscard]] bool has_job() const { return !jobs_.empty(); }
  // Precondition: has_job().
  [[nodiscard]] OutputJob take_job();
  // With keep_order: the first unfinished task while it runs without being live.
  [[nodiscard]] OutputAttemptPtr head_to_ask() const;
  // The first task without a final end. Only with keep_order.
  [[nodiscard]] TaskId head() const { return head_; }

 private:
  [[nodiscard]] OutputAttemptPtr& running(TaskId task);
  [[nodiscard]] OutputLoad end(OutputEvent event);
  [[nodiscard]] bool may_pump(TaskId task) const;
  void pump(const OutputAttemptPtr& attempt);
  void advance();
  void pass(WaitingOutput what);

  const OutputOptions& options_;
  Keep keep_;
  TaskId head_ = 1;
  std::unordered_map<TaskId, OutputAttemptPtr> running_;
  std::map<TaskId, WaitingOutput> ended_;  // with keep_order: behind the head
  std::deque<OutputJob> jobs_;
};

}  // namespace drover
