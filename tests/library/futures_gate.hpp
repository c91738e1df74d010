// Where a task and its test meet: two FIFOs, which the test holds open. Functions get the folder's path.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "common/unique_fd.hpp"
#include "tests/e2e/fifo.hpp"

namespace drover::test {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return folder_; }
  // The next line that a task said; waits for it.
  std::string heard() { return here_.read_line(); }
  // Nothing more was said up to now.
  [[nodiscard]] bool quiet() { return !here_.try_line(); }
  void let_go(int tasks = 1) { go_.write_lines(tasks); }

 private:
  static std::string make_folder() {
    const char* base = ::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/drover-gate-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    return pattern;
  }

  std::string folder_ = make_folder();
  Fifo here_{folder_ + "/here"}, go_{folder_ + "/go"};
};

// Whoever is only about to be killed may still take what was meant for another.
inline void kill_and_wait(int pid) {
  const UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  REQUIRE(fd);
  ::kill(pid, SIGKILL);
  pollfd ended{.fd = fd.get(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&ended, 1, 30'000) == 1);
}

// In a task, or a thread of the test:

inline void say(const std::string& gate, const std::string& text) {
  const UniqueFd fd(::open((gate + "/here").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string line = text + "\n";
  (void)!::write(fd.get(), line.data(), line.size());
}
inline void wait_to_go(const std::string& gate) {
  const UniqueFd fd(::open((gate + "/go").c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  (void)!::read(fd.get(), &byte, 1);
}
// Says who it is, and waits.
inline int meet(const std::string& gate) {
  say(gate, std::to_string(::getpid()));
  wait_to_go(gate);
  return ::getpid();
}

}  // namespace drover::test
