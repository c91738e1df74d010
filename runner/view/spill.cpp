#include "runner/view/spill.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

namespace drover {

Result<UniqueFd> make_unnamed_file() {
  const char* chosen = ::getenv("TMPDIR");
  Error refused{"create a temporary file in", "/tmp", ENOENT};
  for (const char* folder : {chosen, "/var/tmp", "/tmp"}) {
    if (folder == nullptr || *folder == '\0') continue;
    UniqueFd file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file) return file;
    // Not every file system has O_TMPFILE.
    std::string name = std::string(folder) + "/drover-XXXXXX";
    file.reset(::mkostemp(name.data(), O_CLOEXEC));
    if (file) {
      ::unlink(name.c_str());
      return file;
    }
    refused = last_error("create a temporary file in", folder);
  }
  return refused;
}

Status Spill::append(std::string_view bytes) {
  if (!file_) {
    Result<UniqueFd> made = make_unnamed_file();
    if (!made) return made.error();
    file_ = std::move(*made);
  }
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error("write", "the file for waiting output");
    end_ += static_cast<std::uint64_t>(n);
    held_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Nothing{};
}

void Spill::rewind(std::uint64_t at) {
  DROVER_CHECK(at <= end_ && held_ >= end_ - at);
  held_ -= end_ - at;
  end_ = at;
}

std::size_t Spill::read(std::uint64_t at, char* into, std::size_t size) const {
  for (;;) {
    const ssize_t n = ::pread(file_.get(), into, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
}

void Spill::release(std::uint64_t at, std::uint64_t size) {
  DROVER_CHECK(held_ >= size);
  held_ -= size;
  if (held_ == 0) {
    end_ = 0;
    // A refusal costs disk, nothing else.
    [[maybe_unused]] const int refused = ::ftruncate(file_.get(), 0);
  } else if (size > 0) {
    ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at),
                static_cast<off_t>(size));
  }
}

}  // namespace drover
