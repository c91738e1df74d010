// What every kind of worker shares: the lane, the socket, and how an attempt's report goes back.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include <drover/detail/shared_segment.hpp>

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
  // Shared memory to which arguments refer; waits for it. It is kept until nobody will refer to it, and
  // mapped as long as somebody uses it. Null: the coordinator is gone or sent nonsense.
  [[nodiscard]] std::shared_ptr<detail::SharedSegment> shared(std::uint64_t id);
  // The next message but arguments and shared memory, if one is there: what tasks that wait in the lane refer
  // to is kept for them.
  std::optional<ReceivedMessage> next_message(Wait wait);
  // Hands in a report: files and large results over the socket first, then the outcome.
  void hand_in(const TakenTask& task, std::uint64_t wall_ns, Report& report);
  // Passes on the files to which a command's output goes while it runs.
  void send_live(const TakenTask& task, int out_fd, int err_fd);
  // Live output of this attempt was asked for before it began.
  [[nodiscard]] bool live_wanted(const TakenTask& task) const {
    return live_task_ == task.task && live_attempt_ == task.attempt;
  }
  // Hands in a success that has nothing to tell but its result.
  void hand_in_result(const TakenTask& task, std::uint64_t wall_ns, std::string_view result);

 private:
  std::optional<ReceivedMessage> receive(Wait wait);
  bool keep(ReceivedMessage& received);
  void keep_shared(ReceivedMessage& received);
  [[nodiscard]] Status send_result(const TakenTask& task, std::string_view bytes);
  void send(LaneMessageType type, const TakenTask& task, const int* fds, std::size_t count);

  WorkerLane lane_;
  UniqueFd socket_;
  bool gone_ = false;
  TaskId live_task_ = 0;
  Attempt live_attempt_ = 0;
  std::deque<ReceivedMessage> early_arguments_;  // of tasks that are not begun yet, in the order of the lane
  std::map<std::uint64_t, std::shared_ptr<detail::SharedSegment>> shared_;  // null: it came, but not as said
};

}  // namespace drover
