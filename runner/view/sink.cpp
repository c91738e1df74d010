#include "runner/view/sink.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "runner/view/text.hpp"

namespace drover {
namespace {

constexpr std::size_t kGathered = 64 * 1024;
constexpr std::size_t kTerminalChunk = 1024;
constexpr std::size_t kFileChunk = 1024 * 1024;
constexpr std::string_view kErase = "\r\033[K";

// For drawing on a terminal, where a refusal concerns nobody.
void draw(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::size_t columns_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

Sink::Sink(int out_fd, int err_fd, Wait wait)
    : targets_{look_at(out_fd), look_at(err_fd)}, wait_(std::move(wait)) {}

Sink::Target Sink::look_at(int fd) {
  Target target;
  target.fd = fd;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return target;  // the first write says what is wrong
  if (S_ISFIFO(info.st_mode)) {
    target.kind = Kind::Pipe;
    const int size = ::fcntl(fd, F_GETPIPE_SZ);
    target.pipe_size = size > 0 ? static_cast<std::size_t>(size) : PIPE_BUF;
  } else if (S_ISSOCK(info.st_mode)) {
    target.kind = Kind::Socket;
  } else if (S_ISCHR(info.st_mode) && ::isatty(fd) == 1) {
    target.kind = Kind::Terminal;
  }
  return target;
}

void Sink::write(Channel channel, std::string_view bytes) {
  if (bytes.empty()) return;
  Target& other = target(channel == Channel::Out ? Channel::Err : Channel::Out);
  if (!other.buffer.empty()) flush(other);
  Target& mine = target(channel);
  mine.line_start = bytes.back() == '\n';
  if (mine.buffer.size() + bytes.size() < kGathered) {
    mine.buffer += bytes;
    return;
  }
  flush(mine);
  push(mine, bytes);
}

void Sink::note(std::string_view text) {
  if (text.empty()) return;
  Target& err = target(Channel::Err);
  const bool begun = !err.line_start || (err.kind == Kind::Terminal && !on_terminal_line_start());
  // Gathered output must not be refused in a note's name.
  flush();
  std::string line(begun ? "\n" : "");
  line += text;
  if (line.back() != '\n') line += '\n';
  in_note_ = true;
  push(err, line);
  in_note_ = false;
  for (Target& each : targets_) {
    if (&each == &err || each.kind == Kind::Terminal) each.line_start = true;
  }
}

void Sink::flush() {
  for (Target& each : targets_) flush(each);
}

void Sink::flush(Target& target) {
  if (target.buffer.empty()) return;
  std::string bytes;
  bytes.swap(target.buffer);
  push(target, bytes);
  bytes.clear();
  target.buffer.swap(bytes);  // keeps the memory
}

// How much may be written now without blocking; 0: ask again.
std::size_t Sink::room(Target& target) {
  if (target.kind == Kind::File) return kFileChunk;
  int filled = 1;
  // All pages of an empty pipe are free. Of a filled one only a page is promised, once poll says so.
  if (target.kind == Kind::Pipe && ::ioctl(target.fd, FIONREAD, &filled) == 0 && filled == 0) {
    return target.pipe_size;
  }
  waiting_ = &target;
  stopped_ = !wait_(target.fd);
  waiting_ = nullptr;
  if (stopped_) return 0;
  switch (target.kind) {
    case Kind::Pipe:
      return PIPE_BUF;
    case Kind::Terminal:
      return kTerminalChunk;
    default:
      return kGathered;
  }
}

void Sink::push(Target& target, std::string_view bytes) {
  if (target.kind == Kind::Terminal) erase_status();
  while (!bytes.empty() && !target.dead && !stopped_) {
    const std::size_t most = std::min(room(target), bytes.size());
    if (stopped_) return;
    // A socket can refuse to block for one call. MSG_NOSIGNAL is for hosts whose thread has SIGPIPE
    // unblocked.
    const ssize_t n = target.kind == Kind::Socket
                          ? ::send(target.fd, bytes.data(), most, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : ::write(target.fd, bytes.data(), most);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      // Somebody else has set O_NONBLOCK on it.
      stopped_ = !wait_(target.fd);
    } else if (errno != EINTR) {
      refuse(target, errno);
    }
  }
}

std::uint64_t Sink::copy(Channel channel, int file, std::uint64_t from, std::uint64_t size) {
  Target& mine = target(channel);
  if (size == 0 || (mine.kind != Kind::File && mine.kind != Kind::Pipe)) return 0;
  flush();
  const std::uint64_t end = from + size;
  auto at = static_cast<loff_t>(from);
  while (static_cast<std::uint64_t>(at) < end && !mine.dead && !stopped_) {
    const std::uint64_t rest = end - static_cast<std::uint64_t>(at);
    const ssize_t n = mine.kind == Kind::File
                          ? ::copy_file_range(file, &at, mine.fd, nullptr, rest, 0)
                          : ::splice(file, &at, mine.fd, nullptr, rest, SPLICE_F_NONBLOCK);
    if (n == 0) break;
    if (n > 0 || errno == EINTR) continue;
    if (errno == EAGAIN) {
      waiting_ = &mine;
      stopped_ = !wait_(mine.fd);
      waiting_ = nullptr;
    } else if (errno == EPIPE || errno == ENOSPC || errno == EFBIG || errno == EDQUOT || errno == EIO) {
      refuse(mine, errno);
    } else {
      break;  // this pair of files cannot: O_APPEND, another file system, …
    }
  }
  const std::uint64_t moved = static_cast<std::uint64_t>(at) - from;
  char last = '\n';
  if (moved > 0 && ::pread(file, &last, 1, at - 1) == 1) mine.line_start = last == '\n';
  return moved;
}

void Sink::refuse(Target& target, int code) {
  target.dead = true;
  if (in_note_ || failure_) return;
  failure_ = Error{"write", &target == &targets_[0] ? "standard output" : "standard error", code};
}

bool Sink::on_terminal_line_start() const {
  return std::all_of(std::begin(targets_), std::end(targets_),
                     [](const Target& each) { return each.kind != Kind::Terminal || each.line_start; });
}

void Sink::set_status(const std::string& text) {
  if (target(Channel::Err).kind != Kind::Terminal) return;
  status_ = safe_text(text);
  std::replace(status_.begin(), status_.end(), '\t', ' ');
}

void Sink::show_status() {
  const Target& err = target(Channel::Err);
  if (err.kind != Kind::Terminal || err.dead) return;
  if (status_.empty()) return erase_status();
  flush();
  // The last column stays free: some terminals go to the next line there.
  const std::string_view line = cut_to_columns(status_, columns_of(err.fd) - 1);
  if (line == drawn_ || !on_terminal_line_start()) return;
  drawn_ = line;
  draw(err.fd, "\r" + drawn_ + "\033[K");
}

void Sink::show_status_while_waiting() {
  // Nothing of the other channel may lie gathered here: it would be flushed in the middle of this one's
  // bytes.
  if (waiting_ == nullptr || waiting_->kind == Kind::Terminal) return;
  if (!targets_[0].buffer.empty() || !targets_[1].buffer.empty()) return;
  show_status();
}

void Sink::erase_status() {
  if (drawn_.empty()) return;
  drawn_.clear();
  draw(target(Channel::Err).fd, kErase);
}

}  // namespace drover
