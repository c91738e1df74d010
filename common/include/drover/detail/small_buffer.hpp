// Bytes that grow at the end. Short ones need no memory of their own: arguments and results of small tasks.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace drover::detail {

class SmallBuffer {
 public:
  static constexpr std::size_t kInline = 40;

  SmallBuffer() = default;
  SmallBuffer(SmallBuffer&& other) noexcept { take(other); }
  SmallBuffer& operator=(SmallBuffer&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  SmallBuffer(const SmallBuffer&) = delete;
  SmallBuffer& operator=(const SmallBuffer&) = delete;
  ~SmallBuffer() { release(); }

  [[nodiscard]] const char* data() const { return heap_ != nullptr ? heap_ : inline_; }
  [[nodiscard]] char* data() { return heap_ != nullptr ? heap_ : inline_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view view() const { return {data(), size_}; }

  // `size` more bytes at the end, to be written by the caller. Throws std::bad_alloc.
  char* grow(std::size_t size) {
    if (size > capacity_ - size_) enlarge(size);
    char* const at = data() + size_;
    size_ += size;
    return at;
  }
  void append(const void* bytes, std::size_t size) {
    if (size != 0) std::memcpy(grow(size), bytes, size);
  }
  void assign(std::string_view bytes) {
    clear();
    append(bytes.data(), bytes.size());
  }
  void clear() { size_ = 0; }
  // Gives its memory back, too.
  void reset() {
    release();
    heap_ = nullptr;
    size_ = 0;
    capacity_ = kInline;
  }

 private:
  void enlarge(std::size_t more) {
    std::size_t wanted = capacity_ * 2;
    if (wanted - size_ < more) wanted = size_ + more;
    char* const larger = static_cast<char*>(std::realloc(heap_, wanted));
    if (larger == nullptr) throw std::bad_alloc();
    if (heap_ == nullptr) std::memcpy(larger, inline_, size_);
    heap_ = larger;
    capacity_ = wanted;
  }
  void take(SmallBuffer& other) {
    heap_ = std::exchange(other.heap_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, kInline);
    if (heap_ == nullptr && size_ != 0) std::memcpy(inline_, other.inline_, size_);
  }
  void release() { std::free(heap_); }

  char* heap_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = kInline;
  char inline_[kInline];
};

}  // namespace drover::detail
