// Runs commands as a command worker does, and plays the coordinator.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "worker/command/run_command.hpp"

namespace drover::command_test {

// A program of tests/children.
inline std::string child(const std::string& name) {
  const char* folder = ::getenv("DROVER_CHILDREN");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_CHILDREN does not say where the small programs are");
  return std::string(folder) + "/" + name;
}

inline Command command(std::vector<std::string> argv) {
  Command made;
  made.argv = std::move(argv);
  return made;
}

inline Command script(const std::string& text) {
  return command({"/bin/sh", "-c", text});
}

// Gone with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = "/tmp/drover-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    std::ofstream(path(name)) << text;
    REQUIRE(::chmod(path(name).c_str(), mode) == 0);
    return path(name);
  }
  [[nodiscard]] std::string fifo(const std::string& name) const {
    REQUIRE(::mkfifo(path(name).c_str(), 0600) == 0);
    return path(name);
  }

 private:
  std::string path_;
};

// This process is a command worker while it lives.
class TestWorker {
 public:
  TestWorker() { REQUIRE(become_reaper().ok()); }
  ~TestWorker() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  TestWorker(const TestWorker&) = delete;
  TestWorker& operator=(const TestWorker&) = delete;
};

// Records what it is told, and makes requests when a test says so.
class TestControl final : public CommandControl {
 public:
  TestControl() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { REQUIRE(bell_); }

  void request(const Requests& requests) {
    waiting_ = requests;
    REQUIRE(::eventfd_write(bell_.get(), 1) == 0);
  }

  std::function<void()> when_progress, when_live, when_output;
  std::vector<std::string> progress;  // "1/2 text"
  std::vector<std::uint64_t> out_sizes, err_sizes;
  UniqueFd live_out, live_err;
  std::string last_stderr;
  mutable int waits = 0;

  [[nodiscard]] int fd() const override {
    ++waits;
    return bell_.get();
  }
  Requests take_requests() override {
    eventfd_t rung = 0;
    REQUIRE(::eventfd_read(bell_.get(), &rung) == 0);
    return std::exchange(waiting_, {});
  }
  void on_live(int out_fd, int err_fd) override {
    live_out.reset(::fcntl(out_fd, F_DUPFD_CLOEXEC, 0));
    live_err.reset(::fcntl(err_fd, F_DUPFD_CLOEXEC, 0));
    if (when_live) when_live();
  }
  void on_output(std::uint64_t out_bytes, std::uint64_t err_bytes) override {
    out_sizes.push_back(out_bytes);
    err_sizes.push_back(err_bytes);
    if (when_output) when_output();
  }
  void on_stderr(std::string_view bytes) override { last_stderr = bytes; }
  void on_progress(std::uint64_t done, std::uint64_t total, std::string_view text) override {
    progress.push_back(std::to_string(done) + "/" + std::to_string(total) +
                       (text.empty() ? "" : " " + std::string(text)));
    if (when_progress) when_progress();
  }

 private:
  UniqueFd bell_;
  Requests waiting_;
};

inline std::string read_at_start(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd, bytes.data(), size, 0);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

// All of a stream, wherever it is.
inline std::string text_of(const CapturedStream& stream) {
  if (!stream.spool) {
    CHECK(stream.size == stream.head.size());
    return stream.head;
  }
  CHECK(stream.head.empty());
  std::string bytes = read_at_start(stream.spool.get(), stream.size + 1);
  CHECK(bytes.size() == stream.size);
  return bytes;
}

inline CommandResult run(const Command& command) {
  TestWorker worker;
  TestControl control;
  return run_command(command, control);
}

inline CommandResult run(const Command& command, TestControl& control) {
  TestWorker worker;
  return run_command(command, control);
}

// What a command that must end well has printed.
inline std::string output_of(const Command& command) {
  const CommandResult result = run(command);
  CHECK_MESSAGE(result.outcome.succeeded(),
                describe(result.outcome) << " " << result.outcome.message << " " << text_of(result.err));
  return text_of(result.out);
}

inline bool is_gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace drover::command_test
