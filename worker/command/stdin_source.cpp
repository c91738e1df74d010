#include "worker/command/stdin_source.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drover {
namespace {

// Opened once: there is nothing in its description that commands could disturb.
Result<int> null_device() {
  static UniqueFd null;
  if (!null) null.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return last_error("stdin", "/dev/null");
  return null.get();
}

Result<UniqueFd> open_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return last_error("stdin", path);
  struct stat found = {};
  if (::fstat(file.get(), &found) != 0) return last_error("stdin", path);
  if (S_ISDIR(found.st_mode)) return Error{"stdin", path, EISDIR};
  if (S_ISFIFO(found.st_mode))
    return Error{"stdin", path + ": is a FIFO; let the command open it: sh -c 'COMMAND < FIFO'", 0};
  // O_NONBLOCK was for the open only.
  if (::fcntl(file.get(), F_SETFL, 0) != 0) return last_error("stdin", path);
  return file;
}

// A file in memory and not a pipe: a command that does not read it makes nobody wait.
Result<UniqueFd> text_file(std::string_view text) {
  constexpr unsigned kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  UniqueFd file(::memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return last_error("stdin", "memfd_create");
  // pwrite leaves the offset where the command begins to read.
  for (std::size_t put = 0; put < text.size();) {
    const ssize_t more = ::pwrite(file.get(), text.data() + put, text.size() - put, static_cast<off_t>(put));
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return last_error("stdin", "a text of " + std::to_string(text.size()) + " bytes");
    put += static_cast<std::size_t>(more);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return last_error("stdin", "F_ADD_SEALS");
  return file;
}

}  // namespace

Result<StdinSource> StdinSource::open(const Command& command) {
  if (command.stdin_kind == StdinKind::Null) {
    auto shared = null_device();
    if (!shared) return shared.error();
    return StdinSource(*shared);
  }
  auto own =
      command.stdin_kind == StdinKind::File ? open_file(command.stdin_value) : text_file(command.stdin_value);
  if (!own) return own.error();
  return StdinSource(std::move(*own));
}

}  // namespace drover
