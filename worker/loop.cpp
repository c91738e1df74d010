#include "worker/loop.hpp"

#include <fcntl.h>

#include <algorithm>
#include <exception>

namespace drover {
namespace {

constexpr std::size_t kMostBlob = std::size_t{1} << 30;
// Of a message whose report must fit into the lane.
constexpr std::size_t kMostMessage = 4096;

// What is left is said in the lane. Without its value an attempt has not succeeded.
void give_up_content(Report& report, const Error& error) {
  std::string& message = report.outcome.message;
  message.resize(std::min(message.size(), kMostMessage));
  const bool succeeded = report.outcome.succeeded();
  message += (message.empty() ? "" : "; ") +
             std::string(succeeded && !report.value.empty() ? "its result was lost: " : "output lost: ") +
             error.text();
  if (succeeded && !report.value.empty()) report.outcome.kind = OutcomeKind::Failed;
  report.value.clear();
  for (CapturedStream* stream : {&report.out, &report.err}) {
    stream->head.clear();
    if (!stream->spool) stream->size = 0;
  }
}

}  // namespace

Result<WorkerDesk> WorkerDesk::open() {
  auto lane = WorkerLane::adopt(UniqueFd(kDownFd), UniqueFd(kUpFd), UniqueFd(kBellFd));
  if (!lane) return lane.error();
  // What a function starts gets none of them.
  for (const int fd : {kBellFd, kSocketFd}) (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return WorkerDesk(std::move(lane.value()), UniqueFd(kSocketFd));
}

TakenTask WorkerDesk::next_task() {
  TakenTask taken;
  while (!lane_.try_take(taken)) {
    // A message that reaches an idle worker speaks of an attempt that is over.
    if (lane_.message_waiting()) (void)next_message(Wait::No);
    lane_.wait_for_work();
  }
  return taken;
}

std::optional<ReceivedMessage> WorkerDesk::next_message(Wait wait) {
  while (auto received = receive(wait))
    if (!keep(*received)) return received;
  return std::nullopt;
}

std::optional<ReceivedMessage> WorkerDesk::receive(Wait wait) {
  auto received = receive_message(socket_.get(), wait);
  gone_ = !received && received.error().code == ECONNRESET;
  // A malformed one was read, too: this worker must not wait awake for it.
  if (!received || received->has_value()) lane_.messages_read(1);
  if (!received || !received->has_value()) return std::nullopt;
  // May come just before the attempt begins.
  if (const LaneMessage& message = (*received)->message; message.type == LaneMessageType::GoLive) {
    live_task_ = message.task;
    live_attempt_ = message.attempt;
  }
  return std::move(received.value());
}

// They come before their task is published, so maybe while this worker idles or does another one.
bool WorkerDesk::keep(ReceivedMessage& received) {
  if (received.message.type == LaneMessageType::Share) {
    keep_shared(received);
    return true;
  }
  if (received.message.type == LaneMessageType::Unshare) {
    shared_.erase(received.message.task);
    return true;
  }
  if (received.message.type != LaneMessageType::Args) return false;
  early_arguments_.push_back(std::move(received));
  // Those of tasks that were taken back stay until a later task's are used; a lane full of them is enough.
  if (early_arguments_.size() > lane_.constants().cells) early_arguments_.pop_front();
  return true;
}

void WorkerDesk::keep_shared(ReceivedMessage& received) {
  const LaneMessage& message = received.message;
  auto& segment = shared_[message.task];
  if (received.fds.size() != 1) return;
  try {
    segment = detail::SharedSegment::adopt(message.task, received.fds[0].release(), message.grace_ns,
                                           message.attempt == 1);
  } catch (const std::exception&) {
  }  // stays null: the task that refers to it says so
}

std::shared_ptr<detail::SharedSegment> WorkerDesk::shared(std::uint64_t id) {
  for (;;) {
    if (const auto found = shared_.find(id); found != shared_.end()) return found->second;
    auto received = receive(Wait::Yes);
    if (!received) return nullptr;
    (void)keep(*received);
  }
}

bool WorkerDesk::arguments(const TakenTask& task, std::string& storage, std::string_view& args) {
  if ((task.flags & kArgsByDescriptor) == 0) {
    args = task.args;
    return true;
  }
  const auto mine = [&](const ReceivedMessage& each) {
    return each.message.task == task.task && each.message.attempt == task.attempt;
  };
  for (;;) {
    // The last of them: before, it was given here and taken back.
    const auto found = std::find_if(early_arguments_.rbegin(), early_arguments_.rend(), mine);
    if (found != early_arguments_.rend()) {
      const ReceivedMessage received = std::move(*found);
      early_arguments_.erase(early_arguments_.begin(), found.base());
      if (received.fds.size() != 1) return false;
      auto blob = read_sealed_blob(received.fds[0].get(), kMostBlob);
      if (!blob) return false;
      storage = std::move(blob.value());
      args = storage;
      return true;
    }
    auto received = receive(Wait::Yes);
    if (!received) return false;
    (void)keep(*received);
  }
}

void WorkerDesk::send(LaneMessageType type, const TakenTask& task, const int* fds, std::size_t count) {
  const LaneMessage message{.type = type, .attempt = task.attempt, .task = task.task, .grace_ns = 0};
  // Fails only when the coordinator is gone: then this worker is about to be killed.
  (void)send_message(socket_.get(), message, fds, count, Wait::Yes).ok();
  lane_.ring();
}

void WorkerDesk::send_live(const TakenTask& task, int out_fd, int err_fd) {
  const int fds[] = {out_fd, err_fd};
  send(LaneMessageType::Live, task, fds, 2);
}

void WorkerDesk::hand_in(const TakenTask& task, std::uint64_t wall_ns, Report& report) {
  std::uint8_t flags = kFullAccount;
  int fds[kMostDescriptors];
  std::size_t count = 0;
  if (report.out.spool) {
    flags |= kOutSpooled;
    fds[count++] = report.out.spool.get();
  }
  if (report.err.spool) {
    flags |= kErrSpooled;
    fds[count++] = report.err.spool.get();
  }
  if (count != 0) send(LaneMessageType::Spools, task, fds, count);
  std::string bytes = encode_report(report);
  if (bytes.size() > lane_.most_result()) {
    if (auto sent = send_result(task, bytes); sent) {
      flags |= kResultByDescriptor;
      bytes.clear();
    } else {
      give_up_content(report, sent.error());
      bytes = encode_report(report);
    }
  }
  lane_.publish(task, report.outcome.kind, flags, wall_ns, bytes);
}

void WorkerDesk::hand_in_result(const TakenTask& task, std::uint64_t wall_ns, std::string_view result) {
  if (result.size() <= lane_.most_result()) {
    lane_.publish(task, OutcomeKind::Succeeded, 0, wall_ns, result);
  } else if (auto sent = send_result(task, result); sent) {
    lane_.publish(task, OutcomeKind::Succeeded, kResultByDescriptor, wall_ns, {});
  } else {
    Report report;
    report.outcome.kind = OutcomeKind::Failed;
    report.outcome.message = "its result was lost: " + sent.error().text();
    report.outcome.wall_ns = wall_ns;
    hand_in(task, wall_ns, report);
  }
}

Status WorkerDesk::send_result(const TakenTask& task, std::string_view bytes) {
  if (bytes.size() > kMostBlob) return Error{"it is larger than 1 GiB", {}, 0};
  auto blob = make_sealed_blob("drover-result", bytes);
  if (!blob) return blob.error();
  const int fd = blob->get();
  send(LaneMessageType::Result, task, &fd, 1);
  return Nothing{};
}

}  // namespace drover
