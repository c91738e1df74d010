// The memory behind SharedArrays, as it goes from the process that made it to its workers. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace drover {

class Decoder;
class Encoder;

namespace detail {

// One memory as one kind of user sees it: those who may write it know it by another id and another descriptor
// than those who may not. Any thread. Both are freed with the last reference to either; the kernel frees the
// memory with the last process that has it open or mapped, however that ends.
struct SharedSegment {
 public:
  // New memory of zeros, writable, not reserved: see shared_array.hpp for what is thrown. `bytes` is not 0.
  static std::shared_ptr<SharedSegment> create(std::size_t bytes);
  // What another process has made. Takes the descriptor, in any case. Throws std::system_error (EINVAL)
  // unless it is sealed against resizing and holds `bytes`. It is mapped when it is first asked for.
  static std::shared_ptr<SharedSegment> adopt(std::uint64_t id, int fd, std::size_t bytes, bool writable);
  // The same memory for those who may not write it. Throws std::system_error.
  static std::shared_ptr<SharedSegment> read_only(const std::shared_ptr<SharedSegment>& segment);

  SharedSegment(const SharedSegment&) = delete;
  SharedSegment& operator=(const SharedSegment&) = delete;

  // Never 0, never used twice by the process that made it.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool writable() const { return writable_; }
  // To be passed on, close-on-exec, owned by this object. -1: it was adopted, and goes nowhere from here.
  [[nodiscard]] int fd() const { return fd_; }
  // Who made it may write through either kind. Throws std::system_error when it cannot be mapped.
  [[nodiscard]] std::byte* data();

 private:
  struct Memory;
  SharedSegment() = default;

  std::uint64_t id_ = 0;
  std::size_t size_ = 0;
  bool writable_ = false;
  int fd_ = -1;
  Memory* memory_ = nullptr;  // which holds this object, too
};

// Told, on any thread, when memory that this process has made has no user in it any more. One for the
// process.
using SegmentGone = void (*)(std::uint64_t id) noexcept;
void on_segment_gone(SegmentGone told);

// A part of a segment. No segment: no elements.
struct SharedPlace {
  std::shared_ptr<SharedSegment> segment;
  std::size_t offset = 0;  // in bytes
  std::size_t count = 0;   // of elements
};

struct ElementShape {
  std::size_t size, alignment;
};

// Throws what Encoder::attach and SharedSegment::read_only throw.
void encode_shared(Encoder& out, const SharedPlace& place, bool writable);
// A place that lies within its segment, aligned, and is writable if that is asked for. Else throws
// DecodeError.
SharedPlace decode_shared(Decoder& in, ElementShape element, bool writable);

}  // namespace detail
}  // namespace drover
