// A worker's desk: what comes over the socket, and when.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/coordinator_lane.hpp"
#include "worker/loop.hpp"

namespace drover::test {
namespace {

UniqueFd copy_of(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
}

// A desk and the coordinator's end of its lane and socket, in one process.
struct DeskPair {
  DeskPair() : DeskPair(CoordinatorLane::create(1, TaskKind::Command, kCommandLane)) {}
  explicit DeskPair(Result<CoordinatorLane> made) : coordinator(std::move(made.value())) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    socket.reset(ends[0]);
    auto lane = WorkerLane::adopt(copy_of(coordinator.down_fd()), copy_of(coordinator.up_fd()),
                                  UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    desk.emplace(std::move(lane.value()), UniqueFd(ends[1]));
  }
  void send_args(TaskId task, std::string_view bytes) {
    auto blob = make_sealed_blob("args", bytes);
    const int fd = blob->get();
    REQUIRE(send_message(socket.get(), {.type = LaneMessageType::Args, .attempt = 1, .task = task}, &fd, 1,
                         Wait::No)
                .ok());
    coordinator.message_sent();
  }
  void push(TaskId task) {
    REQUIRE(coordinator.try_push({task, 1, 1}, kNoFunction, 1, kArgsByDescriptor, nullptr, 0) ==
            CoordinatorLane::Push::Done);
    coordinator.publish();
  }
  std::string take(TaskId task) {
    const TakenTask taken = desk->next_task();
    CHECK(taken.task == task);
    std::string storage;
    std::string_view args;
    REQUIRE(desk->arguments(taken, storage, args));
    std::string text(args);
    desk->lane().publish(taken, OutcomeKind::Succeeded, 0, 1, {});
    return text;
  }

  CoordinatorLane coordinator;
  UniqueFd socket;
  std::optional<WorkerDesk> desk;
};

}  // namespace

TEST_CASE("arguments that come while another task is in hand are kept for theirs") {
  DeskPair pair;
  pair.send_args(1, "first");
  pair.send_args(2, "second");
  pair.push(1);
  pair.push(2);
  CHECK(pair.take(1) == "first");
  // As a running command does when its socket becomes readable.
  CHECK_FALSE(pair.desk->next_message(Wait::No).has_value());
  CHECK(pair.take(2) == "second");
}

TEST_CASE("arguments that reach an idle worker before their task is published are kept for it") {
  DeskPair pair;
  pair.send_args(1, "early");
  CHECK_FALSE(pair.desk->next_message(Wait::No).has_value());
  pair.push(1);
  CHECK(pair.take(1) == "early");
}

TEST_CASE("arguments of a task that was taken back harm neither later tasks nor its own second time") {
  DeskPair pair;
  pair.send_args(1, "taken back");
  pair.send_args(2, "given before");
  pair.push(1);
  pair.push(2);
  REQUIRE(pair.coordinator.recall(2).has_value());
  CHECK_FALSE(pair.desk->next_message(Wait::No).has_value());
  pair.send_args(3, "other");
  pair.push(3);
  pair.send_args(2, "given again");
  pair.push(2);
  CHECK(pair.take(3) == "other");
  CHECK(pair.take(2) == "given again");
}

TEST_CASE("a stop is not lost among arguments that come before it") {
  DeskPair pair;
  pair.send_args(2, "second");
  REQUIRE(send_message(pair.socket.get(), {.type = LaneMessageType::Stop, .attempt = 1, .task = 1}, nullptr,
                       0, Wait::No)
              .ok());
  pair.coordinator.message_sent();
  const auto stop = pair.desk->next_message(Wait::No);
  REQUIRE(stop.has_value());
  CHECK(stop->message.type == LaneMessageType::Stop);
  pair.push(2);
  CHECK(pair.take(2) == "second");
}

}  // namespace drover::test
