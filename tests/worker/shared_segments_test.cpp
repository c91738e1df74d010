// Shared memory that comes to a worker: whenever it comes, for as long as it is used.
#include "worker/shared_segments.hpp"

#include <drover/shared_array.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <thread>

#include "common/coordinator_lane.hpp"
#include "tests/common/shared_memory_fixture.hpp"

namespace drover::test {
namespace {

UniqueFd copy_of(int fd) {
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
}

int mappings() {
  return Footprint().mappings;
}

// A worker's desk, and the coordinator's end of its socket.
struct SharingDesk {
  SharingDesk() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    socket.reset(ends[0]);
    auto lane = WorkerLane::adopt(copy_of(coordinator.down_fd()), copy_of(coordinator.up_fd()),
                                  UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    desk.emplace(std::move(lane.value()), UniqueFd(ends[1]));
    segments.emplace(*desk);
  }
  void send(const LaneMessage& message, int fd = -1) {
    REQUIRE(send_message(socket.get(), message, &fd, fd < 0 ? 0 : 1, Wait::No).ok());
    coordinator.message_sent();
  }
  void share(const detail::SharedSegment& segment) {
    send({.type = LaneMessageType::Share,
          .attempt = segment.writable() ? 1U : 0U,
          .task = segment.id(),
          .grace_ns = segment.size()},
         segment.fd());
  }
  void unshare(const detail::SharedSegment& segment) {
    send({.type = LaneMessageType::Unshare, .task = segment.id()});
  }
  // As an idle worker does.
  void read_messages() { CHECK_FALSE(desk->next_message(Wait::No).has_value()); }

  // What a task's argument is in the worker.
  template <class T>
  SharedArray<T> decode() {
    Decoder decoder(bytes.view(), &*segments);
    return decoder.value<SharedArray<T>>();
  }
  template <class T>
  std::shared_ptr<detail::SharedSegment> encode(const SharedArray<T>& array) {
    bytes.clear();
    std::vector<std::shared_ptr<detail::SharedSegment>> attached;
    Encoder(bytes, &attached).value(array);
    return attached.at(0);
  }

  CoordinatorLane coordinator =
      std::move(CoordinatorLane::create(1, TaskKind::Function, kFunctionLane).value());
  UniqueFd socket;
  std::optional<WorkerDesk> desk;
  std::optional<SharedSegments> segments;
  detail::SmallBuffer bytes;
};

}  // namespace

TEST_CASE("shared memory that comes before its task is there for it, and for the next ones, mapped once") {
  SharingDesk pair;
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  pair.share(*pair.encode(array));
  pair.read_messages();
  CHECK(mappings() == 1);  // the sender's: nobody has asked yet
  const auto there = pair.decode<int>();
  CHECK(there.data() != array.data());
  there[1] = 20;
  CHECK(array[1] == 20);
  CHECK(pair.decode<int>().data() == there.data());
  CHECK(mappings() == 2);
}

TEST_CASE(
    "a task that refers to shared memory waits until it has come, and nothing else that comes is lost") {
  SharingDesk pair;
  const SharedArray<int> array(3), other(1);
  const auto other_segment = pair.encode(other);
  const auto segment = pair.encode(array);
  std::thread coordinator([&] {
    const auto args = make_sealed_blob("args", "text");
    pair.send({.type = LaneMessageType::Args, .attempt = 1, .task = 5}, args.value().get());
    pair.share(*other_segment);
    pair.share(*segment);
  });
  CHECK(pair.decode<int>().size() == 3);
  coordinator.join();
  pair.encode(other);
  CHECK(pair.decode<int>().size() == 1);
  TakenTask task;
  task.task = 5;
  task.attempt = 1;
  task.flags = kArgsByDescriptor;
  std::string storage;
  std::string_view args;
  CHECK(pair.desk->arguments(task, storage, args));
  CHECK(args == "text");
}

TEST_CASE("shared memory that comes while a worker waits for arguments is kept") {
  SharingDesk pair;
  const SharedArray<int> array(3);
  pair.share(*pair.encode(array));
  const auto blob = make_sealed_blob("args", "text");
  pair.send({.type = LaneMessageType::Args, .attempt = 1, .task = 5}, blob.value().get());
  TakenTask task;
  task.task = 5;
  task.attempt = 1;
  task.flags = kArgsByDescriptor;
  std::string storage;
  std::string_view args;
  CHECK(pair.desk->arguments(task, storage, args));
  CHECK(pair.decode<int>().size() == 3);
}

TEST_CASE("shared memory that is given up stays mapped as long as a task uses it, and no longer") {
  SharingDesk pair;
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  const auto segment = pair.encode(array);
  pair.share(*segment);
  {
    const auto in_use = pair.decode<int>().slice(1, 2);
    pair.unshare(*segment);
    pair.read_messages();
    CHECK(mappings() == 2);
    array[2] = 30;
    CHECK(in_use[1] == 30);
  }
  CHECK(mappings() == 1);
}

TEST_CASE("shared memory that may not be written is mapped for reading") {
  SharingDesk pair;
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  pair.share(*pair.encode(array.read_only()));
  const auto there = pair.decode<const int>();
  CHECK(there[2] == 3);
  CHECK(::mprotect(const_cast<int*>(there.data()), 4096, PROT_READ | PROT_WRITE) == -1);
  CHECK(errno == EACCES);
}

TEST_CASE("shared memory that is not as was said, or never comes, fails its task and not the worker") {
  SharingDesk pair;
  const SharedArray<int> array(3);
  const auto segment = pair.encode(array);
  pair.send({.type = LaneMessageType::Share, .attempt = 1, .task = segment->id(), .grace_ns = 13},
            segment->fd());
  CHECK_THROWS_AS((void)pair.decode<int>(), DecodeError);  // 12 bytes
  pair.send({.type = LaneMessageType::Share, .attempt = 1, .task = segment->id(), .grace_ns = 12});
  pair.read_messages();
  CHECK_THROWS_AS((void)pair.decode<int>(), DecodeError);  // no descriptor
  pair.share(*segment);
  pair.read_messages();
  CHECK(pair.decode<int>().size() == 3);
  const SharedArray<int> never(3);
  (void)pair.encode(never);
  pair.socket.reset();
  CHECK_THROWS_AS((void)pair.decode<int>(), DecodeError);  // the coordinator is gone
}

}  // namespace drover::test
