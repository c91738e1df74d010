// Large data that many tasks work on, without a copy: an array in memory that this program and its workers
// share.
//
//   double sum(std::span<const double> part);                   // runs in workers
//   void fill(std::span<float> row, int y);
//
//   auto samples = drover::SharedArray<double>::copy_of(read_samples());
//   auto total = coordinator.submit<&sum>(samples);             // nothing is copied
//   auto first = coordinator.submit<&sum>(samples.slice(0, 1000));
//   drover::SharedArray<float> image(width * height);           // zeros; workers may write it
//   coordinator.submit<&fill>(image.slice(y * width, width), y).get();
//   show(image[y * width]);                                     // what the worker wrote
//
// Who may write: a function with a parameter std::span<T> or SharedArray<T>. One with std::span<const T> or
// SharedArray<const T> cannot, whatever it is given: the kernel refuses, and a stray pointer there is a
// SIGSEGV of that worker. (This guards against mistakes, not against code that opens its own descriptor
// anew.) Order: what was written before submit is seen by the task, what a task wrote is seen once its
// outcome is known here. Tasks that run at the same time must write different elements, or std::atomics that
// are lock-free. A task that is tried again finds what its first attempt wrote, and a killed one may have
// written half of it.
//
// The memory has no name and cannot change its size. The kernel frees it when its last user is gone, killed
// or not. Its pages are made when they are first touched, so an array that is larger than what is used of it
// costs nothing; as with any memory, the machine may run out of it then. A child that this program, or a
// function, forks shares it, too. Each array takes one descriptor of this process, and one more once some
// function that may not write it was given it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include <drover/codec.hpp>
#include <drover/detail/shared_segment.hpp>

namespace drover {

namespace detail {

template <class T>
inline constexpr bool is_reference_like =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;
template <class T, std::size_t N>
inline constexpr bool is_reference_like<T[N]> = is_reference_like<T>;
template <class T>
inline constexpr bool is_reference_like<std::reference_wrapper<T>> = true;
template <class C, class Traits>
inline constexpr bool is_reference_like<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool is_reference_like<std::span<T, N>> = true;

}  // namespace detail

// A reference to the array, or to a part of it, as cheap to copy as a std::shared_ptr, and like that one: a
// const SharedArray<T> refers to elements that may be written. Any thread may use its own. The elements are
// trivially copyable and hold no pointers (which cannot be checked in structs): each process has them at
// another address.
template <class T>
class SharedArray {
  using Value = std::remove_const_t<T>;
  static_assert(
      std::is_trivially_copyable_v<Value> && !std::is_volatile_v<T>,
      "drover: the elements of a SharedArray must be trivially copyable, as processes share their bytes");
  static_assert(
      !detail::is_reference_like<Value>,
      "drover: a SharedArray cannot hold pointers, as they mean nothing in another process; use indices");
  static_assert(alignof(T) <= 4096, "drover: the elements of a SharedArray are aligned to a page at most");

 public:
  using element_type = T;
  using value_type = Value;
  using size_type = std::size_t;
  using iterator = T*;

  // No elements, no memory.
  SharedArray() = default;
  // Zeros: all bytes are 0, no constructor is called. Throws std::bad_array_new_length when the size in bytes
  // is no number, and std::system_error: ENOMEM when the machine has less memory in all, or no address space
  // is left; EMFILE, ENFILE; EFBIG beyond RLIMIT_FSIZE.
  explicit SharedArray(std::size_t count) requires(!std::is_const_v<T>) : size_(count) {
    if (count == 0) return;
    // Differences of pointers must fit, too.
    if (count > std::size_t{std::numeric_limits<std::ptrdiff_t>::max()} / sizeof(T))
      throw std::bad_array_new_length();
    segment_ = detail::SharedSegment::create(count * sizeof(T));
    data_ = reinterpret_cast<T*>(segment_->data());
  }
  // A copy of `values`, of which nothing is referred to afterwards. Throws the same.
  static SharedArray copy_of(std::span<const T> values) requires(!std::is_const_v<T>) {
    SharedArray array(values.size());
    // Not std::copy: elements need not be assignable.
    if (!values.empty()) std::memcpy(static_cast<void*>(array.data_), values.data(), values.size_bytes());
    return array;
  }
  // The same elements for who may not write them: a.read_only().
  template <class U>
  requires(std::is_const_v<T>&& std::same_as<U, Value>) SharedArray(const SharedArray<U>& other)
      : segment_(other.segment_), data_(other.data_), size_(other.size_) {}

  SharedArray(const SharedArray&) = default;
  SharedArray(SharedArray&& other) noexcept
      : segment_(std::move(other.segment_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  SharedArray& operator=(SharedArray other) noexcept {
    segment_.swap(other.segment_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedArray() = default;

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* begin() const { return data_; }
  [[nodiscard]] T* end() const { return data_ + size_; }
  // Precondition: index < size().
  [[nodiscard]] T& operator[](std::size_t index) const { return data_[index]; }
  [[nodiscard]] std::span<T> span() const { return {data_, size_}; }

  // A part of it, passed to tasks in the same way. All of the memory lives as long as any part. Throws
  // std::out_of_range.
  [[nodiscard]] SharedArray slice(std::size_t offset, std::size_t count) const {
    if (offset > size_ || count > size_ - offset)
      throw std::out_of_range("drover: this slice does not lie within its SharedArray");
    SharedArray part(*this);
    part.data_ += offset;
    part.size_ = count;
    return part;
  }
  // The same elements, which workers that are given this can then read only. Through the original writing
  // goes on.
  [[nodiscard]] SharedArray<const T> read_only() const { return *this; }

 private:
  friend struct Codec<SharedArray>;
  template <class U>
  friend class SharedArray;

  std::shared_ptr<detail::SharedSegment> segment_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// Tasks' arguments only: a result cannot take memory along (NotTransportable). Write into an array that was
// passed instead.
template <class T>
struct Codec<SharedArray<T>> {
  static void encode(Encoder& out, const SharedArray<T>& array) {
    detail::SharedPlace place;
    if (!array.empty()) {
      const auto* const begin = reinterpret_cast<const std::byte*>(array.data_);
      place = {array.segment_, static_cast<std::size_t>(begin - array.segment_->data()), array.size_};
    }
    detail::encode_shared(out, place, !std::is_const_v<T>);
  }
  static SharedArray<T> decode(Decoder& in) {
    const detail::SharedPlace place = detail::decode_shared(in, {sizeof(T), alignof(T)}, !std::is_const_v<T>);
    SharedArray<T> array;
    if (place.count == 0) return array;
    array.segment_ = place.segment;
    array.data_ = reinterpret_cast<T*>(place.segment->data() + place.offset);
    array.size_ = place.count;
    return array;
  }
};

}  // namespace drover
