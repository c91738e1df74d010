#include "runner/pool/oom_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/unique_fd.hpp"

namespace drover {

OomWatch::OomWatch(std::string counts) : counts_(std::move(counts)), kills_(count_kills()) {}

bool OomWatch::killed_since_last_look() {
  const std::uint64_t kills = count_kills();
  const bool more = kills > kills_;
  kills_ = kills;
  return more;
}

std::uint64_t OomWatch::count_kills() const {
  const UniqueFd file(::open(counts_.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  // One read of a file in /proc brings a page of it at most.
  char bytes[4096];
  for (ssize_t got = 0; file && (got = ::read(file.get(), bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(got));
  const std::size_t at = text.find("\noom_kill ");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 10, nullptr, 10);
}

}  // namespace drover
