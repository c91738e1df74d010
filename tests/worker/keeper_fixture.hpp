// A keeper in a forked child, driven by raw messages. Whether processes are gone is seen by a lifeline: a
// pipe that they all hold, which ends when the last one ends.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "worker/keeper.hpp"

namespace drover::test {

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  std::string line() {
    std::string text;
    char byte = 0;
    while (::read(read_end.get(), &byte, 1) == 1 && byte != '\n') text += byte;
    return text;
  }
  // Returns when nobody else holds the other end.
  std::string read_all() {
    write_end.reset();
    std::string text;
    char chunk[4096];
    ssize_t got = 0;
    while ((got = ::read(read_end.get(), chunk, sizeof chunk)) > 0)
      text.append(chunk, static_cast<std::size_t>(got));
    return text;
  }
  void wait_until_ended() { (void)read_all(); }
  bool has_ended() {
    write_end.reset();
    pollfd wanted{read_end.get(), POLLIN, 0};
    char chunk[4096];
    while (::poll(&wanted, 1, 0) == 1) {
      if (::read(read_end.get(), chunk, sizeof chunk) <= 0) return true;
    }
    return false;
  }
};

inline UniqueFd pidfd_of(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

inline void wait_until_readable(int fd) {
  pollfd wanted{fd, POLLIN, 0};
  while (::poll(&wanted, 1, -1) < 0 && errno == EINTR) {
  }
}

inline std::ptrdiff_t descriptors_of(pid_t pid) {
  return std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"), {});
}

inline StartWorkerMessage request_for(WorkerId id, const std::vector<std::string>& args) {
  StartWorkerMessage request;
  request.id = id;
  for (const std::string& each : args) {
    std::memcpy(request.args + request.arg_bytes, each.c_str(), each.size() + 1);
    request.arg_bytes += static_cast<std::uint32_t>(each.size() + 1);
    ++request.arg_count;
  }
  return request;
}

struct Event {
  KeeperMessage type{};
  WorkerId id = 0;
  StartedMessage started;
  StartFailedMessage failed;
  ExitedMessage exited;
  UniqueFd pidfd;
};

struct Setup {
  std::string program = "/bin/sh";
  Duration give_up_after = std::chrono::seconds(60);
  int send_buffer = 0;                  // of the keeper, bytes; 0: as it is
  std::function<void()> in_child = {};  // before the keeper begins
};

class TestKeeper {
 public:
  explicit TestKeeper(const Setup& setup = {}) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    socket_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    if (setup.send_buffer != 0)
      ::setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &setup.send_buffer, sizeof setup.send_buffer);
    const UniqueFd self = pidfd_of(::getpid());
    pid_ = ::fork();
    if (pid_ == 0) {
      const int control = ::fcntl(theirs.get(), F_DUPFD, 100);
      const int coordinator = ::fcntl(self.get(), F_DUPFD, 100);
      ::dup2(control, kKeeperControlFd);
      ::dup2(coordinator, kKeeperCoordinatorFd);
      ::syscall(SYS_close_range, 5, ~0U, 0);
      if (setup.in_child) setup.in_child();
      KeeperOptions options;
      options.worker_program = setup.program;
      options.give_up_after = setup.give_up_after;
      ::_exit(run_keeper(options));
    }
    pidfd_ = pidfd_of(pid_);
  }
  ~TestKeeper() {
    socket_.reset();
    if (!reaped_) ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] int socket() const { return socket_.get(); }
  void hang_up() { socket_.reset(); }
  int wait() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    reaped_ = true;
    return status;
  }

  bool try_send(const StartWorkerMessage& request, std::span<const int> fds = {}) {
    const Status sent = send_packet(socket_.get(), bytes_of(request), fds);
    if (!sent.ok()) CHECK(sent.error().code == EAGAIN);
    return sent.ok();
  }
  // A worker that runs a script, with `lifeline` as descriptor 9.
  void start(WorkerId id, const std::string& script, const Pipe& lifeline) {
    StartWorkerMessage request = request_for(id, {"sh", "-c", script});
    request.fd_count = 1;
    request.targets[0] = 9;
    const int fd = lifeline.write_end.get();
    REQUIRE(try_send(request, {&fd, 1}));
  }
  // The same, and waits until it is said to be started.
  Event started(WorkerId id, const std::string& script, const Pipe& lifeline) {
    start(id, script, lifeline);
    Event event = next();
    REQUIRE(event.type == KeeperMessage::Started);
    REQUIRE(event.id == id);
    REQUIRE(event.started.pid > 0);
    REQUIRE(event.pidfd);
    return event;
  }

  Event next() {
    wait_until_readable(socket_.get());
    std::byte buffer[sizeof(ExitedMessage)];
    auto packet = receive_packet(socket_.get(), buffer);
    REQUIRE(packet.ok());
    REQUIRE(packet->kind == Packet::Kind::Message);
    const std::span<const std::byte> bytes(buffer, packet->size);
    Event event;
    if (read_message(bytes, event.started)) {
      event.id = event.started.id;
      if (packet->fds.size() == 1) event.pidfd = std::move(packet->fds[0]);
    } else if (read_message(bytes, event.failed)) {
      event.id = event.failed.id;
    } else {
      REQUIRE(read_message(bytes, event.exited));
      event.id = event.exited.id;
    }
    event.type = reinterpret_cast<const KeeperHeader*>(buffer)->type;
    return event;
  }
  Event next(KeeperMessage type, WorkerId id) {
    Event event = next();
    REQUIRE(event.type == type);
    REQUIRE(event.id == id);
    return event;
  }
  Event exit_of(WorkerId id) { return next(KeeperMessage::Exited, id); }
  // The keeper is alive and takes requests, and nothing was said in between.
  void check_serves(WorkerId id) {
    const Pipe lifeline;
    started(id, "exit 0", lifeline);
    exit_of(id);
  }

 private:
  UniqueFd socket_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  bool reaped_ = false;
};

inline const std::string kWait = "exec sleep 1000";
// Says "daemon" once it is on its own: in its own session, its parent gone.
inline const std::string kDaemon = "(setsid sh -c 'echo daemon >&9; exec sleep 1000' &); ";
// Each generation starts the next one and ends.
inline const std::string kHopper =
    "hop='sh -c \"$0\" \"$0\" &'; setsid sh -c \"echo hopper >&9; $hop\" \"$hop\" & ";

}  // namespace drover::test
