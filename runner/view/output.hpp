// The way of tasks' output to the user: what workers have captured goes to descriptors 1 and 2, moved by a
// thread of its own. Knows nothing of workers, retries or why a task ended.
//
// Tasks are numbered 1, 2, 3, …; with keep_order each number must get its final end() or its nothing(), or
// those behind it wait until close().
//
//   group       a task's stdout, then its stderr, when it has ended, tasks in the order in which they end
//   line        whole lines as they come, of all tasks (the engine lets each of them begin live); what is no
//   whole line
//               is written as it is when its task ends
//   none        nothing but notes and the status line
//   keep_order  in the order of the numbers. The first unfinished task is the head: when it has run for
//   `live_after`,
//               on_head asks for its live output; the others' output waits
//   tag         the shown name and a tab before each line, so output goes by whole lines; a last line without
//   a newline
//               stays without
//
// Live output: the engine passes the two files that a worker writes to, once, then their sizes as they grow.
// end() then carries sizes only, the streams' spool is empty. Behind the reading position holes are punched
// into the files (the last 64 KiB stay). A task that was asked for but ended first comes with its streams as
// usual. An attempt that will be retried (final = false) is dropped, unless something of it was shown live
// (or could have been): then its rest is written too. In line mode without keep_order every attempt is
// written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/captured.hpp"
#include "runner/view/output_options.hpp"
#include "runner/view/output_queue.hpp"
#include "runner/view/output_writer.hpp"

namespace drover {

class OutputStage {
 public:
  // Refused: EMFILE, ENFILE, EAGAIN (no thread). The descriptors belong to the caller and outlive the stage.
  static Result<std::unique_ptr<OutputStage>> start(const OutputOptions& options,
                                                    OutputCallbacks callbacks = {});
  OutputStage(const OutputStage&) = delete;
  OutputStage& operator=(const OutputStage&) = delete;
  ~OutputStage();  // finish()

  // These may be called from any thread, and none blocks.
  void begin(TaskId task, std::string shown_name);
  void live(TaskId task, UniqueFd out_spool, UniqueFd err_spool);
  void grown(TaskId task, std::uint64_t out_size, std::uint64_t err_size);
  void end(TaskId task, CapturedStream out, CapturedStream err, bool final);
  // It ended for good and never had an attempt with output: skipped, or cancelled before its start.
  void nothing(TaskId task);
  // Whole lines for the err descriptor, after all that may be written by now. Shown in every mode, never
  // dropped.
  void note(std::string text);
  // The line at the bottom, when the err descriptor is a terminal; empty: none. Only the newest counts.
  void set_status(std::string text);

  // So much waits that nothing new should be started; on_drained tells the end of it.
  [[nodiscard]] bool full() const { return queue_->full(); }
  // What waits at this moment.
  [[nodiscard]] OutputLoad load() const { return queue_->load(); }
  // The task whose live output on_head has asked for, until live() or end() answers.
  [[nodiscard]] std::optional<TaskId> wanted_live() const;
  // A task's output was refused (EPIPE, ENOSPC): what is left for that descriptor is dropped. on_broken tells
  // it once.
  [[nodiscard]] bool broken() const { return writer_.broken(); }
  // Precondition: broken().
  [[nodiscard]] const Error& failure() const { return writer_.failure(); }

  // Nothing more will come; on_closed tells when everything is written. Later calls of the above are ignored.
  void close() { queue_->close(); }
  // Give up what is not yet written, so that close() ends soon even when nobody reads.
  void abandon() { queue_->abandon(); }
  // close(), then waits until everything is written or given up. Once; not from a callback.
  void finish();

 private:
  OutputStage(const OutputOptions& options, OutputCallbacks callbacks, std::unique_ptr<OutputQueue> queue);

  const OutputOptions options_;
  const OutputCallbacks callbacks_;
  const std::unique_ptr<OutputQueue> queue_;
  OutputWriter writer_;
  std::atomic<bool> had_live_ = false;
  std::thread thread_;
};

}  // namespace drover
