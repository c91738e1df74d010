// What the tests of the view share: targets to write to, output to write, and bells to wait for.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "runner/view/output.hpp"

namespace drover::view_testing {

inline UniqueFd memory_file(std::string_view content = {}) {
  UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(file);
  REQUIRE(::pwrite(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return file;
}

inline void append(int fd, std::string_view bytes) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), end) == static_cast<ssize_t>(bytes.size()));
}

inline std::string content_of(int fd) {
  std::string all(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  REQUIRE(::pread(fd, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
  return all;
}

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
  }
  // Waits for exactly so many bytes; fewer at the end of the stream.
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t n = ::read(read_end.get(), bytes.data() + have, size - have);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }
  // Until the last writer has closed its end.
  std::string read_all() const {
    std::string all;
    for (;;) {
      const std::string piece = read(1 << 20);
      all += piece;
      if (piece.size() < 1 << 20) return all;
    }
  }
};

inline CapturedStream printed(std::string bytes) {
  CapturedStream stream;
  stream.size = bytes.size();
  stream.head = std::move(bytes);
  return stream;
}

inline CapturedStream spooled(std::string_view bytes) {
  CapturedStream stream;
  stream.size = bytes.size();
  stream.spool = memory_file(bytes);
  return stream;
}

// After live(): sizes only.
inline CapturedStream sized(std::uint64_t size) {
  CapturedStream stream;
  stream.size = size;
  return stream;
}

// Rings are counted: none is lost.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rings_;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return rings_ > 0; });
    --rings_;
  }
  int rings() {
    const std::lock_guard lock(mutex_);
    return rings_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rings_ = 0;
};

// A stage that writes to two memory files.
struct Stage {
  UniqueFd out = memory_file();
  UniqueFd err = memory_file();
  Bell asked, drained, broke, closed;
  std::unique_ptr<OutputStage> stage;

  explicit Stage(OutputOptions options = {}, int out_fd = -1, int err_fd = -1) {
    options.out_fd = out_fd < 0 ? out.get() : out_fd;
    options.err_fd = err_fd < 0 ? err.get() : err_fd;
    auto started = OutputStage::start(options, {.on_head = [this](TaskId) { asked.ring(); },
                                                .on_drained = [this] { drained.ring(); },
                                                .on_broken = [this] { broke.ring(); },
                                                .on_closed = [this] { closed.ring(); }});
    REQUIRE(started.ok());
    stage = std::move(*started);
  }
  OutputStage* operator->() const { return stage.get(); }

  void end(TaskId task, std::string out_text, std::string err_text = {}, bool final = true) const {
    stage->end(task, printed(std::move(out_text)), printed(std::move(err_text)), final);
  }
  // Finishes and tells what was written.
  std::string out_text() const {
    stage->finish();
    return content_of(out.get());
  }
  std::string err_text() const {
    stage->finish();
    return content_of(err.get());
  }
};

inline OutputOptions in_order() {
  return {.keep_order = true, .live_after = Duration(0)};
}

// `size` bytes of lines that differ from each other.
inline std::string many_lines(std::size_t size, std::string_view word) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::string(word) + " " + std::to_string(i) + "\n";
  text.resize(size);
  return text;
}

}  // namespace drover::view_testing
