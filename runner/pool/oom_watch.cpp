#include "runner/pool/oom_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "common/unique_fd.hpp"

namespace drover {
namespace {

std::uint64_t count_kills() {
  const UniqueFd file(::open("/proc/vmstat", O_RDONLY | O_CLOEXEC));
  std::string text(16 * 1024, '\0');
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  const std::size_t at = text.find("\noom_kill ");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 10, nullptr, 10);
}

}  // namespace

OomWatch::OomWatch() : kills_(count_kills()) {}

bool OomWatch::killed_since_last_look() {
  const std::uint64_t kills = count_kills();
  const bool more = kills > kills_;
  kills_ = kills;
  return more;
}

}  // namespace drover
