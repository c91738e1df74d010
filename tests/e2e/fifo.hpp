// The exact way to meet a task in mid-run: it writes a line into a FIFO and the test reads it, or the other
// way round. A shell's `read x <go` reads byte by byte, so several tasks may each take a line of one FIFO;
// give them empty lines.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "common/clock.hpp"
#include "common/unique_fd.hpp"

namespace drover::test {

class Fifo {
 public:
  // Held open for both directions: nobody's open blocks, and nobody sees an end.
  explicit Fifo(const std::string& path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    fd_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    REQUIRE(fd_);
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

  // The next line that a task wrote; waits for it, half a minute at most.
  std::string read_line() {
    for (;;) {
      if (auto line = try_line()) return *line;
      pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, 30'000) == 0) FAIL("no task has written into the FIFO");
    }
  }
  void read_lines(int count) {
    while (count-- > 0) read_line();
  }
  [[nodiscard]] std::optional<std::string> try_line() {
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      char bytes[4096];
      const ssize_t got = ::read(fd_.get(), bytes, sizeof bytes);
      if (got <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  // Lets one task go on.
  void write_line(const std::string& text = {}) {
    const std::string line = text + "\n";
    REQUIRE(::write(fd_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }
  void write_lines(int count) {
    while (count-- > 0) write_line();
  }

 private:
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace drover::test
