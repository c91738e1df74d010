// The two descriptors that the user sees, and the status line on them. Bytes go in as they are; small ones
// are gathered until flush() or until the other descriptor's turn comes, so the order between the two stays.
//
// Knows nothing of tasks, queues or order. Never sets O_NONBLOCK: the flag would leak into the user's shell.
// Instead it asks `wait` before a write that could block, and writes no more than then fits (a terminal, or a
// pipe that somebody else fills too, may still block). For one thread, which has SIGPIPE blocked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace drover {

enum class Channel : std::uint8_t { Out = 0, Err = 1 };

class Sink {
 public:
  // Returns when the descriptor can be written to (or is broken); false: nothing more shall be written.
  using Wait = std::function<bool(int fd)>;

  // Both descriptors belong to the caller.
  Sink(int out_fd, int err_fd, Wait wait);

  void write(Channel channel, std::string_view bytes);
  // Moves bytes [from, from + size) of a file without their passing through this process, as far as the
  // channel's kind permits. Returns how many were moved; the caller writes the rest.
  [[nodiscard]] std::uint64_t copy(Channel channel, int file, std::uint64_t from, std::uint64_t size);
  // Whole lines of our own for the err channel; begins a new line where a task has left one unfinished.
  // A refusal here is no failure().
  void note(std::string_view text);
  void flush();

  // The line at the bottom of a terminal (when the err channel is one), cut to its width; empty: none. It is
  // erased before other bytes reach a terminal; show_status() draws it again. Not drawn where a task has left
  // a line unfinished: it would overwrite it.
  void set_status(const std::string& text);
  void show_status();
  // The same from within `wait`: only when the channel that is being written to is no terminal.
  void show_status_while_waiting();

  // It takes nothing more.
  [[nodiscard]] bool dead(Channel channel) const {
    return targets_[static_cast<int>(channel)].dead || stopped_;
  }
  // The first refusal of a task's output (EPIPE, ENOSPC, …). Its channel then takes nothing more.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  enum class Kind : std::uint8_t { File, Pipe, Socket, Terminal };
  struct Target {
    int fd = -1;
    Kind kind = Kind::File;
    bool dead = false;
    bool line_start = true;
    std::size_t pipe_size = 0;
    std::string buffer;
  };

  [[nodiscard]] Target& target(Channel channel) { return targets_[static_cast<int>(channel)]; }
  [[nodiscard]] bool on_terminal_line_start() const;
  static Target look_at(int fd);
  void push(Target& target, std::string_view bytes);
  [[nodiscard]] std::size_t room(Target& target);
  void refuse(Target& target, int code);
  void flush(Target& target);
  void erase_status();

  Target targets_[2];
  Wait wait_;
  std::optional<Error> failure_;
  bool in_note_ = false;
  bool stopped_ = false;
  Target* waiting_ = nullptr;
  std::string status_;
  std::string drawn_;  // empty: nothing is on the screen
};

}  // namespace drover
