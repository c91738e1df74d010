// A command list: one command a line, read as it arrives. Lines whose first character that is no blank is
// '#', and blank lines, are skipped; a '\' at the end of a line (an odd number of them, as in sh) joins the
// next one; CRLF is taken for LF; a last line without an end counts. There are no placeholders.
//
// The descriptor's O_NONBLOCK is left alone, as it may be the user's terminal or a pipe that others share:
// before each read poll() says whether there is something. Another process that reads the same pipe may take
// it in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/unique_fd.hpp"
#include "runner/jobfile/job.hpp"
#include "runner/jobfile/task_source.hpp"

namespace drover {

class LineSource final : public TaskSource {
 public:
  static constexpr std::size_t kReadSize = std::size_t{64} * 1024;
  static constexpr std::size_t kLongestLine = std::size_t{1024} * 1024;  // also when joined

  // `file` is for diagnostics. `already_read` is what was taken from the descriptor before, to see what it
  // holds.
  LineSource(UniqueFd fd, std::string file, JobOptions options, std::string already_read = {});
  // The descriptor is lent: it stays open.
  LineSource(int fd, std::string file, JobOptions options, std::string already_read = {});

  Next next(TaskSpec& task, Diagnostic& diagnostic) override;
  [[nodiscard]] int wait_fd() const override { return fd_; }

  // The line where the task begins that next() gave last.
  [[nodiscard]] std::uint64_t line() const { return first_line_; }
  // Memory that is held now, whatever was read so far.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  enum class Refill { Bytes, End, Blocked, Refused };

  Refill refill();
  // Judges the next piece of the current line before it is kept. False: error_ says why not.
  bool accept(std::string_view piece);
  // A whole line without its '\n'. True: the task is filled in.
  bool take_line(std::string_view line, TaskSpec& task);
  bool take_last_line(TaskSpec& task);
  bool take_command(std::string_view text, TaskSpec& task);
  void refuse(std::uint64_t line, std::size_t column, std::string text);

  UniqueFd owned_;
  int fd_;
  std::string file_;
  JobOptions options_;
  std::string already_read_;
  std::unique_ptr<char[]> buffer_;  // of kReadSize
  std::string_view rest_;           // of buffer_ or already_read_: not yet looked at
  std::string unfinished_;          // the beginning of a line whose end is not yet read
  std::string joined_;              // the lines so far of a command that goes on
  bool joining_ = false;
  std::uint64_t lines_ = 0;  // that have ended
  std::uint64_t first_line_ = 0;
  std::optional<Next> finished_;  // End or Error
  Diagnostic error_;
};

}  // namespace drover
