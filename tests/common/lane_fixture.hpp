// Both ends of a lane in one process.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <string>
#include <vector>

#include "common/coordinator_lane.hpp"
#include "common/worker_lane.hpp"

namespace drover::test {

inline UniqueFd duplicate(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
}

struct LanePair {
  explicit LanePair(LaneShape shape = kFunctionLane)
      : bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        coordinator(std::move(CoordinatorLane::create(7, TaskKind::Function, shape).value())),
        worker(std::move(WorkerLane::adopt(duplicate(coordinator.down_fd()), duplicate(coordinator.up_fd()),
                                           duplicate(bell.get()))
                             .value())) {}

  [[nodiscard]] bool rung() const {
    pollfd waiting{bell.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }
  void push(TaskId first, std::uint32_t count = 1, Attempt attempt = 1) {
    REQUIRE(coordinator.try_push({first, count, attempt}, 0, 1, 0, nullptr, 0) ==
            CoordinatorLane::Push::Done);
    coordinator.publish();
  }
  TakenTask take() {
    TakenTask taken;
    REQUIRE(worker.try_take(taken));
    return taken;
  }
  [[nodiscard]] bool nothing_to_take() {
    TakenTask taken;
    return !worker.try_take(taken);
  }
  void succeed(const TakenTask& taken, std::string_view result = {}) {
    worker.publish(taken, OutcomeKind::Succeeded, 0, 100, result);
  }

  UniqueFd bell;
  CoordinatorLane coordinator;
  WorkerLane worker;
};

// Remembers what drain tells, one line each: "3..5 ok" for a quiet run, "7 failed 'text'" else.
struct Told final : CoordinatorLane::Sink {
  std::vector<std::string> lines;
  void on_succeeded(TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t) override {
    lines.push_back(std::to_string(first) + "+" + std::to_string(count) + "@" + std::to_string(attempt) +
                    " ok");
  }
  void on_outcome(const LaneOutcome& outcome) override {
    lines.push_back(std::to_string(outcome.task) + "@" + std::to_string(outcome.attempt) + " " +
                    std::to_string(static_cast<int>(outcome.kind)) + " '" +
                    std::string(outcome.result.substr(0, 20)) + "'");
  }
};

using Lines = std::vector<std::string>;

}  // namespace drover::test
