// A KeeperClient with the real keeper (drover-worker --keeper), which starts /bin/sh as worker.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "runner/pool/keeper_client.hpp"

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
};

inline bool is_readable(int fd, int timeout_ms) {
  pollfd wanted{fd, POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&wanted, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  return ready == 1;
}
inline void wait_until_readable(int fd) {
  is_readable(fd, -1);
}

inline std::string drover_worker() {
  const char* folder = std::getenv("DROVER_BIN");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_BIN names the folder of drover-worker");
  return std::string(folder) + "/drover-worker";
}

// No test here may pass because the destructor has killed the keeper, so by default that takes very long.
inline KeeperClient::Options shell_workers() {
  KeeperClient::Options options;
  options.keeper_program = drover_worker();
  options.worker_program = "/bin/sh";
  options.farewell = std::chrono::hours(1);
  return options;
}

inline KeeperClient start(const KeeperClient::Options& options) {
  auto client = KeeperClient::start(options);
  REQUIRE_MESSAGE(client.ok(), client.error().text());
  return std::move(client).value();
}

// A worker that runs a script, with `pipe` as descriptor 9.
inline Status start_script(KeeperClient& client, WorkerId id, const std::string& script, const Pipe& pipe) {
  const LaunchOptions::Pass pass[] = {{pipe.write_end.get(), 9}};
  const std::string args[] = {"sh", "-c", script, std::to_string(id)};
  return client.start_worker(id, pass, args);
}

inline KeeperEvent next_event(KeeperClient& client) {
  for (;;) {
    if (auto event = client.next_event()) return std::move(*event);
    wait_until_readable(client.fd());
  }
}

template <class Event>
Event next(KeeperClient& client, WorkerId id) {
  KeeperEvent event = next_event(client);
  REQUIRE(std::holds_alternative<Event>(event));
  REQUIRE(std::get<Event>(event).id == id);
  return std::get<Event>(std::move(event));
}

inline void check_serves(KeeperClient& client, WorkerId id) {
  const Pipe pipe;
  REQUIRE(start_script(client, id, "exit 0", pipe).ok());
  next<WorkerStarted>(client, id);
  CHECK(next<WorkerExited>(client, id).status == 0);
}

inline void check_no_child_left() {
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

inline void stop(pid_t pid) {
  siginfo_t info{};
  REQUIRE(::kill(pid, SIGSTOP) == 0);
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED) == 0);
}

inline const std::string kWait = "echo up >&9; exec sleep 1000";

}  // namespace drover::test
