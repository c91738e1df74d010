#include "worker/command/output_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "worker/command/spool_file.hpp"

namespace drover {
namespace {

constexpr std::size_t kChunk = 256 * 1024;
constexpr std::size_t kMostInOneTurn = 1024 * 1024;
constexpr int kBusyPipeSize = kChunk;  // so that one read empties it

// No splice: it takes as much of the machine as this, and has errors of its own.
char chunk[kChunk];  // touched only between a read and keep(), so all sinks share it

}  // namespace

bool OutputSink::take() {
  std::size_t total = 0;
  while (total < kMostInOneTurn) {
    const std::size_t got = copy_some(kChunk);
    total += got;
    // Less than asked for: it was empty a moment ago, and poll will tell of more.
    if (got < kChunk) break;
  }
  return total > 0;
}

void OutputSink::take_rest() {
  std::size_t rest = pipe_.waiting();
  while (rest > 0) {
    const std::size_t got = copy_some(std::min(rest, kChunk));
    if (got == 0) return;
    rest -= got;
  }
}

void OutputSink::spool_to(UniqueFd file) {
  spool_ = std::move(file);
  size_ = 0;
  write_to_spool(head_);
  head_ = {};
}

std::string OutputSink::last(std::size_t most) const {
  if (!spool_) return head_.substr(head_.size() - std::min(most, head_.size()));
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(most, size_)), '\0');
  const ssize_t got =
      ::pread(spool_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_ - bytes.size()));
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

CapturedStream OutputSink::take_captured() {
  return {.head = std::move(head_), .spool = std::move(spool_), .size = size_};
}

std::size_t OutputSink::copy_some(std::size_t most) {
  ssize_t got;
  do {
    got = ::read(pipe_.ours.get(), chunk, most);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return 0;
  keep({chunk, static_cast<std::size_t>(got)});
  return static_cast<std::size_t>(got);
}

void OutputSink::keep(std::string_view bytes) {
  if (!spool_ && !refused_ && head_.size() + bytes.size() > kCapturedInMemory) {
    auto file = make_spool_file();
    if (file) {
      // A command that prints so much should not wait for us at every 64 KiB. Refused when its user has too
      // many such pipes; then it stays as it is.
      ::fcntl(pipe_.ours.get(), F_SETPIPE_SZ, kBusyPipeSize);
      spool_to(std::move(*file));
    } else {
      // Keep the beginning: it is all that there will be.
      const std::size_t room = kCapturedInMemory - head_.size();
      head_.append(bytes.substr(0, room));
      size_ += room;
      bytes.remove_prefix(room);
      refused_ = true;
      loss_ = file.error();
    }
  }
  if (refused_) {
    lost_ += bytes.size();
  } else if (spool_) {
    write_to_spool(bytes);
  } else {
    head_.append(bytes);
    size_ += bytes.size();
  }
}

void OutputSink::write_to_spool(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(spool_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      loss_ = last_error("write", "spool file");
      refused_ = true;
      lost_ += bytes.size();
      return;
    }
    size_ += static_cast<std::size_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace drover
