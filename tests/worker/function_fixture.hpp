// A function worker in a forked child, and the coordinator's end of its lane and socket here.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drover/function.hpp>

#include "common/coordinator_lane.hpp"
#include "common/exception_wire.hpp"
#include "common/function_call.hpp"
#include "common/lane_message.hpp"
#include "common/report.hpp"
#include "worker/role.hpp"

namespace drover::test {

template <auto F>
std::uint32_t number_of() {
  return detail::function_number(detail::Registered<F>::entry);
}

// As the coordinator would write them for submit<F>(arguments...).
using Segments = std::vector<std::shared_ptr<detail::SharedSegment>>;
template <auto F, class... A>
void encode_call(detail::SmallBuffer& bytes, Segments& segments, const A&... arguments) {
  Encoder encoder(bytes, &segments);
  [&]<class... P>(detail::TypeList<P...>) {
    (detail::encode_argument<P>(encoder, arguments), ...);
  }(typename detail::Signature<F>::Parameters{});
}

// How an attempt ended, by the words of its worker.
struct Answer {
  OutcomeKind kind = OutcomeKind::Succeeded;
  bool plain = false;  // nothing came but the value
  std::uint8_t flags = 0;
  Report report;
  std::string value;

  template <class T>
  [[nodiscard]] T as() const {
    Decoder decoder(value);
    T decoded = decoder.value<T>();
    decoder.finish();
    return decoded;
  }
  [[nodiscard]] ExceptionRecord exception() const {
    ExceptionRecord record;
    REQUIRE(decode_exception(report.value, record));
    return record;
  }
};

class WorkerChild final : private CoordinatorLane::Sink {
 public:
  explicit WorkerChild(std::vector<std::string_view> options = {})
      : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        lane_(std::move(CoordinatorLane::create(1, TaskKind::Function, kFunctionLane).value())) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    socket_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    out_ = make_log();
    err_ = make_log();
    options.insert(options.begin(), "function");
    std::cout.flush();
    std::fflush(nullptr);  // or the worker would print it, too
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) be(theirs.get(), options);
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~WorkerChild() {
    ::kill(pid_, SIGKILL);
    if (!status_) (void)wait_for_end();
  }

  CoordinatorLane& lane() { return lane_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string printed_to_stderr() const {
    std::string text(4096, '\0');
    const ssize_t size = ::pread(err_.get(), text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

  // Bytes as they travel, the header byte included.
  void push(TaskId task, std::uint32_t function, std::string_view bytes, Attempt attempt = 1) {
    REQUIRE(lane_.try_push({task, 1, attempt}, function, 1, 0, &bytes, 1) == CoordinatorLane::Push::Done);
    lane_.publish();
  }
  template <auto F, class... A>
  void push_call(TaskId task, const A&... arguments) {
    detail::SmallBuffer bytes;
    bytes.append("\0", 1);
    Segments segments;
    encode_call<F>(bytes, segments, arguments...);
    for (const auto& each : segments) {
      const LaneMessage message{.type = LaneMessageType::Share,
                                .attempt = each->writable() ? 1U : 0U,
                                .task = each->id(),
                                .grace_ns = each->size()};
      const int fd = each->fd();
      REQUIRE(send_message(socket_.get(), message, &fd, 1, Wait::No).ok());
      lane_.message_sent();
    }
    push(task, number_of<F>(), bytes.view());
  }
  template <auto F, class... A>
  Answer call(const A&... arguments) {
    push_call<F>(next_task_++, arguments...);
    return answer();
  }

  // Waits for the next one. WorkerLost: it died.
  Answer answer() {
    bool alive = true;
    for (;;) {
      REQUIRE(lane_.drain(*this));
      if (answer_ || !alive) break;
      lane_.declare_sleep();
      if (!lane_.wake_due()) {
        pollfd wanted[] = {{bell_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
        while (::poll(wanted, 2, -1) < 0 && errno == EINTR) {
        }
        alive = wanted[1].revents == 0;
        eventfd_t rung = 0;
        (void)::eventfd_read(bell_.get(), &rung);
      }
      lane_.declare_awake();
    }
    Answer answer = answer_ ? std::move(*answer_) : Answer{.kind = OutcomeKind::WorkerLost, .report = {}};
    answer_.reset();
    return answer;
  }
  int wait_for_end() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
    return status;
  }

 private:
  static UniqueFd make_log() {
    UniqueFd fd(::memfd_create("log", MFD_CLOEXEC));
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_APPEND) == 0);
    // fstat calls a memfd a regular file, which is what a worker asks of its log.
    return fd;
  }
  // What a launch does: each descriptor at its number.
  [[noreturn]] void be(int socket, const std::vector<std::string_view>& options) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::vector<int> high;
    for (const int fd : {out_.get(), err_.get(), lane_.down_fd(), lane_.up_fd(), bell_.get(), socket})
      high.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 100));
    for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], static_cast<int>(i) + 1);
    ::_exit(be_worker(options, KnownFunctions::All));
  }

  void on_succeeded(TaskId, std::uint32_t count, Attempt, std::uint64_t) override {
    REQUIRE(count == 1);
    answer_.emplace().plain = true;
  }
  void on_outcome(const LaneOutcome& outcome) override {
    Answer& got = answer_.emplace();
    got.kind = outcome.kind;
    got.flags = outcome.flags;
    got.value = outcome.result;
    if ((outcome.flags & kResultByDescriptor) != 0) {
      auto message = receive_message(socket_.get(), Wait::No);
      REQUIRE((message.ok() && message->has_value()));
      REQUIRE(message->value().message.type == LaneMessageType::Result);
      got.value = std::move(read_sealed_blob(message->value().fds.at(0).get(), SIZE_MAX).value());
    }
    got.plain = (outcome.flags & kFullAccount) == 0;
    if (got.plain) return;
    REQUIRE(decode_report(got.value, got.report));
    CHECK(got.report.outcome.kind == outcome.kind);
    got.value = got.report.value;
  }

  UniqueFd bell_, socket_, out_, err_, pidfd_;
  CoordinatorLane lane_;
  pid_t pid_ = 0;
  std::optional<int> status_;
  std::optional<Answer> answer_;
  TaskId next_task_ = 1;
};

}  // namespace drover::test
