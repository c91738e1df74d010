// What every kind of worker shares: the lane, the socket, and how an attempt's report goes back.
#pragma once

#include <deque>
#include <string>

#include "common/lane_message.hpp"
#include "common/report.hpp"
#include "common/worker_lane.hpp"

namespace drover {

// The descriptors that a worker is started with.
inline constexpr int kDownFd = 3, kUpFd = 4, kBellFd = 5, kSocketFd = 6;

class WorkerDesk {
 public:
  WorkerDesk(WorkerLane lane, UniqueFd socket) : lane_(std::move(lane)), socket_(std::move(socket)) {}

  // Takes over the inherited descriptors.
  static Result<WorkerDesk> open();

  [[nodiscard]] WorkerLane& lane() { return lane_; }
  // -1 once the coordinator is gone: the keeper is about to end this process, which need not watch.
  [[nodiscard]] int socket() const { return gone_ ? -1 : socket_.get(); }

  // Waits for a task and begins it.
  TakenTask next_task();
  // The arguments of a task, wherever they travelled. False: the coordinator is gone or sent nonsense.
  [[nodiscard]] bool arguments(const TakenTask& task, std::string& storage, std::string_view& args);
  // The next message but arguments, if one is there: those of tasks that wait in the lane are kept for them.
  std::optional<ReceivedMessage> next_message(Wait wait);
  // Hands in a report: files and large results over the socket first, then the outcome.
  void hand_in(const TakenTask& task, std::uint64_t wall_ns, Report& report);
  // Passes on the files to which a command's output goes while it runs.
  void send_live(const TakenTask& task, int out_fd, int err_fd);
  // Live output of this attempt was asked for before it began.
  [[nodiscard]] bool live_wanted(const TakenTask& task) const {
    return live_task_ == task.task && live_attempt_ == task.attempt;
  }
  // Hands in a plain success whose result is `text`.
  void hand_in_text(const TakenTask& task, std::uint64_t wall_ns, std::string_view text);

 private:
  std::optional<ReceivedMessage> receive(Wait wait);
  bool keep_arguments(ReceivedMessage& received);
  void send(LaneMessageType type, const TakenTask& task, const int* fds, std::size_t count);

  WorkerLane lane_;
  UniqueFd socket_;
  bool gone_ = false;
  TaskId live_task_ = 0;
  Attempt live_attempt_ = 0;
  std::deque<ReceivedMessage> early_arguments_;  // of tasks that are not begun yet, in the order of the lane
};

}  // namespace drover
