#include "runner/jobfile/line_source.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runner/jobfile/shell_words.hpp"

namespace drover {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// A backslash that is itself escaped joins nothing.
bool goes_on(std::string_view line) {
  const auto last_other = line.find_last_not_of('\\');
  const std::size_t backslashes =
      last_other == std::string_view::npos ? line.size() : line.size() - last_other - 1;
  return backslashes % 2 == 1;
}

bool is_comment(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  return first != std::string_view::npos && line[first] == '#';
}

}  // namespace

LineSource::LineSource(UniqueFd fd, std::string file, JobOptions options, std::string already_read)
    : LineSource(fd.get(), std::move(file), std::move(options), std::move(already_read)) {
  owned_ = std::move(fd);
}

LineSource::LineSource(int fd, std::string file, JobOptions options, std::string already_read)
    : fd_(fd),
      file_(std::move(file)),
      options_(std::move(options)),
      already_read_(std::move(already_read)),
      buffer_(std::make_unique_for_overwrite<char[]>(kReadSize)),
      rest_(already_read_) {}

std::size_t LineSource::held_bytes() const {
  return kReadSize + already_read_.capacity() + unfinished_.capacity() + joined_.capacity();
}

LineSource::Next LineSource::next(TaskSpec& task, Diagnostic& diagnostic) {
  while (!finished_) {
    while (!rest_.empty()) {
      const auto end = rest_.find('\n');
      const std::string_view piece = rest_.substr(0, end);
      if (!accept(piece)) break;
      if (end == std::string_view::npos) {
        unfinished_ += piece;
        rest_ = {};
        break;
      }
      rest_.remove_prefix(end + 1);
      ++lines_;
      bool is_task = false;
      if (unfinished_.empty()) {
        is_task = take_line(piece, task);
      } else {
        unfinished_ += piece;
        is_task = take_line(std::exchange(unfinished_, {}), task);
      }
      if (is_task) return Next::Task;
      if (finished_) break;
    }
    if (finished_) break;
    switch (refill()) {
      case Refill::Bytes:
        break;
      case Refill::Blocked:
        return Next::Blocked;
      case Refill::Refused:
        break;
      case Refill::End:
        if (take_last_line(task)) return Next::Task;
        if (!finished_) finished_ = Next::End;
        break;
    }
  }
  if (*finished_ == Next::Error) diagnostic = error_;
  return *finished_;
}

LineSource::Refill LineSource::refill() {
  std::string().swap(already_read_);  // assigning {} would keep the memory
  for (;;) {
    pollfd readable{fd_, POLLIN, 0};
    const int ready = ::poll(&readable, 1, 0);
    if (ready == 0) return Refill::Blocked;
    if (ready < 0 && errno == EINTR) continue;
    // POLLHUP, POLLERR and POLLNVAL too: read() says what they mean.
    const ssize_t got = ::read(fd_, buffer_.get(), kReadSize);
    if (got > 0) {
      rest_ = {buffer_.get(), static_cast<std::size_t>(got)};
      return Refill::Bytes;
    }
    if (got == 0) return Refill::End;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Refill::Blocked;  // somebody else set O_NONBLOCK, and was quicker
    refuse(0, 0,
           fmt::format("cannot read the command list: {}; nothing after line {} was read",
                       std::strerror(errno), lines_));
    return Refill::Refused;
  }
}

bool LineSource::accept(std::string_view piece) {
  const std::size_t before = unfinished_.size();
  if (const auto nul = piece.find('\0'); nul != std::string_view::npos) {
    refuse(lines_ + 1, characters(unfinished_) + characters(piece.substr(0, nul)) + 1,
           "the line holds a NUL byte; a command list is text, one command a line");
    return false;
  }
  if (before + piece.size() + joined_.size() > kLongestLine) {
    refuse(lines_ + 1, 0, "the line is longer than 1 MiB; put the command into a script and call that");
    return false;
  }
  return true;
}

bool LineSource::take_line(std::string_view line, TaskSpec& task) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (lines_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (!joining_) {
    first_line_ = lines_;
    if (is_comment(line)) return false;
  }
  if (goes_on(line)) {
    line.remove_suffix(1);
    joined_ += line;
    joining_ = true;
    return false;
  }
  if (!joining_) return take_command(line, task);
  joined_ += line;
  joining_ = false;
  return take_command(std::exchange(joined_, {}), task);
}

bool LineSource::take_last_line(TaskSpec& task) {
  if (!unfinished_.empty()) {
    ++lines_;
    if (take_line(std::exchange(unfinished_, {}), task)) return true;
  }
  // The last line promised another one that never came: what there is counts.
  return std::exchange(joining_, false) && take_command(std::exchange(joined_, {}), task);
}

bool LineSource::take_command(std::string_view text, TaskSpec& task) {
  if (is_blank(text)) return false;
  task = TaskSpec{};
  task.argv = command_argv(text, options_.shell, ShellChoice::Auto);
  task.text = text;
  task.timeout = options_.timeout;
  task.grace = options_.grace;
  task.retries = options_.retries;
  return true;
}

void LineSource::refuse(std::uint64_t line, std::size_t column, std::string text) {
  error_ = {file_, static_cast<unsigned>(line), static_cast<unsigned>(column), std::move(text)};
  finished_ = Next::Error;
}

}  // namespace drover
