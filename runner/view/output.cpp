#include "runner/view/output.hpp"

#include <signal.h>

#include <system_error>
#include <utility>

namespace drover {

using Kind = OutputEvent::Kind;
using Mode = OutputOptions::Mode;

Result<std::unique_ptr<OutputStage>> OutputStage::start(const OutputOptions& options,
                                                        OutputCallbacks callbacks) {
  auto queue = OutputQueue::create(options.memory_limit, options.spool_limit);
  if (!queue) return queue.error();
  std::unique_ptr<OutputStage> stage(new OutputStage(options, std::move(callbacks), std::move(*queue)));
  // Why here: the thread inherits the mask. With SIGPIPE blocked a write without a reader is EPIPE, whatever
  // the host's disposition; the others are for the host's own threads.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int refused = 0;
  try {
    stage->thread_ = std::thread([writer = &stage->writer_] { writer->run(); });
  } catch (const std::system_error& error) {
    refused = error.code().value();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (refused != 0) return Error{"start a thread", "for output", refused};
  return stage;
}

OutputStage::OutputStage(const OutputOptions& options, OutputCallbacks callbacks,
                         std::unique_ptr<OutputQueue> queue)
    : options_(options),
      callbacks_(std::move(callbacks)),
      queue_(std::move(queue)),
      writer_(options_, callbacks_, *queue_) {}

OutputStage::~OutputStage() {
  finish();
}

void OutputStage::finish() {
  close();
  if (thread_.joinable()) thread_.join();
}

void OutputStage::begin(TaskId task, std::string shown_name) {
  // Group mode needs to know of a task only when it ends.
  if (options_.mode == Mode::None || (!options_.keep_order && !options_.tag)) return;
  OutputEvent event;
  event.kind = Kind::Begin;
  event.task = task;
  if (options_.tag) event.text = std::move(shown_name);
  queue_->push(std::move(event), {});
}

void OutputStage::live(TaskId task, UniqueFd out_spool, UniqueFd err_spool) {
  had_live_.store(true, std::memory_order_relaxed);
  OutputEvent event;
  event.kind = Kind::Live;
  event.task = task;
  event.out_file = std::move(out_spool);
  event.err_file = std::move(err_spool);
  queue_->push(std::move(event), {});
}

void OutputStage::grown(TaskId task, std::uint64_t out_size, std::uint64_t err_size) {
  if (options_.mode == Mode::None) return;
  OutputEvent event;
  event.kind = Kind::Grown;
  event.task = task;
  event.out_size = out_size;
  event.err_size = err_size;
  queue_->push(std::move(event), {});
}

void OutputStage::end(TaskId task, CapturedStream out, CapturedStream err, bool final) {
  const bool files = out.spool || err.spool;
  const bool empty = !files && out.head.empty() && err.head.empty();
  const bool unknown = !options_.keep_order && !options_.tag && !had_live_.load(std::memory_order_relaxed);
  if (empty && unknown) return;
  // Files go to the writer even when nothing is shown: closing a large one takes its time.
  if (options_.mode == Mode::None && !files) return;
  OutputEvent event;
  event.kind = Kind::End;
  event.final = final;
  event.task = task;
  event.out_size = out.size;
  event.err_size = err.size;
  event.out_head = std::move(out.head);
  event.err_head = std::move(err.head);
  event.out_file = std::move(out.spool);
  event.err_file = std::move(err.spool);
  const OutputLoad load = load_of(event, options_);
  queue_->push(std::move(event), load);
}

void OutputStage::nothing(TaskId task) {
  if (options_.mode == Mode::None || !options_.keep_order) return;
  OutputEvent event;
  event.kind = Kind::Nothing;
  event.task = task;
  const OutputLoad load = load_of(event, options_);
  queue_->push(std::move(event), load);
}

void OutputStage::note(std::string text) {
  if (text.empty() || !options_.notes) return;
  OutputEvent event;
  event.kind = Kind::Note;
  event.text = std::move(text);
  const OutputLoad load = load_of(event, options_);
  queue_->push(std::move(event), load);
}

void OutputStage::set_status(std::string text) {
  queue_->set_status(std::move(text));
}

std::optional<TaskId> OutputStage::wanted_live() const {
  const TaskId task = writer_.wanted();
  return task == 0 ? std::nullopt : std::optional(task);
}

}  // namespace drover
