// One unlinked file where output waits that is too much for memory. What was taken out is given back to the
// file system. Knows nothing of what the bytes are. For one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

// A file without a name in $TMPDIR, /var/tmp or /tmp (in this order: /tmp is often memory).
Result<UniqueFd> make_unnamed_file();

class Spill {
 public:
  // Where the next append will begin.
  [[nodiscard]] std::uint64_t end() const { return end_; }
  // Refused: no file could be made, ENOSPC, EDQUOT, EFBIG. A part may have been written: rewind().
  Status append(std::string_view bytes);
  // Forgets what was appended from `at` on.
  void rewind(std::uint64_t at);
  // Reads up to `size` bytes; 0 when the file cannot be read.
  [[nodiscard]] std::size_t read(std::uint64_t at, char* into, std::size_t size) const;
  // Bytes [at, at + size) are needed no more.
  void release(std::uint64_t at, std::uint64_t size);

 private:
  UniqueFd file_;
  std::uint64_t end_ = 0;
  std::uint64_t held_ = 0;
};

}  // namespace drover
