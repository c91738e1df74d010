// A piece of shared memory without a name: a sealed memfd, mapped. It cannot change its size (so no SIGBUS),
// and the kernel frees it with its last descriptor and mapping, whatever dies. The only place that knows
// Boost.Interprocess.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

enum class Access { ReadOnly, ReadWrite };
enum class OnFork { Unmap, Share };

class Segment {
 public:
  Segment();
  Segment(Segment&&) noexcept;
  Segment& operator=(Segment&&) noexcept;
  ~Segment();

  // A new segment of zeros, mapped for reading and writing here. With Access::ReadOnly for the peer, whoever
  // gets the descriptor can only map it for reading. The memory is reserved: errors are ENOSPC, ENOMEM,
  // EMFILE. A forked child does not inherit the mapping.
  static Result<Segment> create(const char* label, std::size_t bytes, Access peer);
  // The same for memory of any size, writable by peers: its pages are made when they are first touched, on
  // whose node that happens, and a forked child shares it. ENOMEM when it could never fit into this machine;
  // otherwise, as with any memory, the machine may run out of it later. EFBIG beyond RLIMIT_FSIZE.
  static Result<Segment> create_lazily(const char* label, std::size_t bytes);
  // Maps what a peer has made. Refused (EINVAL) unless it is sealed against resizing and holds `least` bytes
  // or more.
  static Result<Segment> adopt(UniqueFd fd, Access access, std::size_t least);
  // Likewise, but data() is null until it is mapped.
  static Result<Segment> hold(UniqueFd fd, std::size_t least);
  Status map(Access access, OnFork on_fork);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::byte* data() const { return data_; }
  // The mapping stays, the descriptor goes.
  void close_fd() { fd_.reset(); }
  // Another descriptor of the same memory, through which nobody can map it for writing.
  [[nodiscard]] Result<UniqueFd> read_only_fd() const;

 private:
  struct Mapping;
  UniqueFd fd_;
  std::unique_ptr<Mapping> mapping_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// A sealed, unwritable memfd that holds `bytes`: for arguments and results too large for a lane.
Result<UniqueFd> make_sealed_blob(const char* label, std::string_view bytes);
// Reads it back; refused when it is no memfd sealed against writing and shrinking, or larger than `most`.
Result<std::string> read_sealed_blob(int fd, std::size_t most);

}  // namespace drover
