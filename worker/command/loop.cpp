#include "worker/command/loop.hpp"

#include <unistd.h>

#include <cstdio>

#include "common/command.hpp"
#include "common/function_names.hpp"
#include "worker/command/run_command.hpp"

namespace drover {
namespace {

// Connects a running command with the lane and the socket.
class LaneControl final : public CommandControl {
 public:
  LaneControl(WorkerDesk& desk, const TakenTask& task) : desk_(desk), task_(task) {}

  [[nodiscard]] int fd() const override { return desk_.socket(); }
  Requests take_requests() override {
    Requests requests;
    while (auto received = desk_.next_message(Wait::No)) {
      const LaneMessage& message = received->message;
      if (message.task != task_.task || message.attempt != task_.attempt)
        continue;  // speaks of one that is over
      if (message.type == LaneMessageType::GoLive) requests.go_live = true;
      if (message.type == LaneMessageType::Stop) {
        requests.stop = true;
        requests.kill_now = requests.kill_now || message.grace_ns == 0;
        requests.grace = Duration(static_cast<std::int64_t>(message.grace_ns));
      }
    }
    return requests;
  }
  void on_live(int out_fd, int err_fd) override {
    desk_.lane().board().out_bytes.store(0, std::memory_order_release);
    desk_.lane().board().err_bytes.store(0, std::memory_order_release);
    desk_.send_live(task_, out_fd, err_fd);
    live_ = true;
  }
  void on_output(std::uint64_t out_bytes, std::uint64_t err_bytes) override {
    desk_.lane().board().out_bytes.store(out_bytes, std::memory_order_release);
    desk_.lane().board().err_bytes.store(err_bytes, std::memory_order_seq_cst);
    desk_.lane().ring();
  }
  void on_progress(std::uint64_t done, std::uint64_t total, std::string_view text) override {
    desk_.lane().report_progress(task_.hand, done, total, text);
  }
  void on_stderr(std::string_view bytes) override { desk_.lane().keep_stderr(task_.hand, bytes); }
  [[nodiscard]] bool live() const { return live_; }

 private:
  WorkerDesk& desk_;
  const TakenTask& task_;
  bool live_ = false;
};

}  // namespace

void run_command_task(WorkerDesk& desk, const TakenTask& task) {
  const std::uint64_t begin = now_ns();
  desk.lane().board().started_ns.store(begin, std::memory_order_relaxed);
  std::string storage;
  std::string_view bytes;
  Command command;
  Report report;
  if (!desk.arguments(task, storage, bytes) || !decode_command(bytes, command)) {
    report.outcome.kind = OutcomeKind::CouldNotStart;
    report.outcome.exit_code = 126;
    report.outcome.message = "the command did not reach its worker whole";
  } else {
    command.live_output = command.live_output || desk.live_wanted(task);
    LaneControl control(desk, task);
    CommandResult result = run_command(command, control);
    report.outcome = std::move(result.outcome);
    report.out = std::move(result.out);
    report.err = std::move(result.err);
    if (control.live()) {  // the coordinator has these files already
      report.out.spool.reset();
      report.err.spool.reset();
    }
  }
  desk.hand_in(task, now_ns() - begin, report);
}

void run_command_worker(WorkerDesk& desk) {
  if (auto reaper = become_reaper(); !reaper) {
    std::fprintf(stderr, "drover-worker: %s\n", reaper.error().text().c_str());
    ::_exit(3);
  }
  desk.lane().greet(0, kNoNames);
  for (;;) run_command_task(desk, desk.next_task());
}

}  // namespace drover
