// How a type that travels looks as bytes: whether it is copied as it is, and how few bytes it can be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <type_traits>

#include <drover/codec.hpp>
#include <drover/detail/codec_check.hpp>

namespace drover::detail {

// The padding of x87's long double does not travel.
inline constexpr std::size_t kLongDoubleBytes =
    std::numeric_limits<long double>::digits == 64 ? 10 : sizeof(long double);

template <class T>
consteval bool find_bitwise();
template <class T>
consteval std::size_t find_least();

// Every byte of a T belongs to its value, and all bytes are some T: runs of them are copied in one go.
template <class T>
inline constexpr bool kBitwise = find_bitwise<T>();
// The fewest bytes that a T can be: 0 if that is unknown.
template <class T>
inline constexpr std::size_t kLeast = find_least<T>();

template <class... M>
consteval bool all_bitwise(Types<M...>) {
  return (kBitwise<std::remove_const_t<M>> && ...);
}
template <class... M>
consteval std::size_t sum_of_sizes(Types<M...>) {
  return (sizeof(M) + ... + 0);
}
template <class... M>
consteval std::size_t sum_of_least(Types<M...>) {
  return (kLeast<std::remove_const_t<M>> + ... + 0);
}

template <class T>
consteval bool find_bitwise() {
  if constexpr (std::is_array_v<T>)
    return kBitwise<std::remove_const_t<std::remove_all_extents_t<T>>>;
  else if constexpr (Specialised<T> || std::is_same_v<T, bool> || std::is_same_v<T, long double>)
    return false;
  else if constexpr (std::is_enum_v<T>)
    return kBitwise<std::underlying_type_t<T>>;
  else if constexpr (std::is_arithmetic_v<T>)
    return true;
  else if constexpr (requires { typename Standard<T>::SameBytesAs; })
    return kBitwise<typename Standard<T>::SameBytesAs>;
  else if constexpr (HasParts<T> || !std::is_trivially_copyable_v<T>)
    return false;
  else if constexpr (!std::is_aggregate_v<T>)
    return true;
  else if constexpr (std::is_empty_v<T>)
    return false;
  else
    return all_bitwise(Members<T>()) && sum_of_sizes(Members<T>()) == sizeof(T);
}

template <class T>
consteval std::size_t find_least() {
  if constexpr (std::is_array_v<T>)
    return std::extent_v<T> * kLeast<std::remove_const_t<std::remove_extent_t<T>>>;
  else if constexpr (Specialised<T>)
    return 0;
  else if constexpr (std::is_same_v<T, long double>)
    return kLongDoubleBytes;
  else if constexpr (HasParts<T>)
    return Standard<T>::kLeast;
  else if constexpr (!kPlain<T>)
    return sizeof(T);
  else if constexpr (std::is_empty_v<T>)
    return 0;
  else
    return sum_of_least(Members<T>());
}

// Whether a T can hold another T somewhere inside. Of classes with a Codec of their own nobody knows.
template <class T>
consteval bool find_recursive() {
  if constexpr (Specialised<T>) {
    return true;
  } else if constexpr (kPlain<T> && !std::is_empty_v<T>) {
    using Inside = decltype(examine_parts<T>(Found<Problem::None, T, T, Types<>>(), Members<T>()));
    return is_among<T>(typename Inside::Known());
  } else {
    return false;
  }
}
template <class T>
inline constexpr bool kRecursive = find_recursive<T>();

// What encoders and decoders count, so that nothing recurses or loops for ever.
struct CodecAccess {
  static void descend(Encoder& out, std::size_t levels) {
    if (levels > kMaxNesting - out.nesting_) refuse(out, kTooDeep);
    out.nesting_ += levels;
  }
  static void descend(Decoder& in, std::size_t levels) {
    if (levels > kMaxNesting - in.nesting_) refuse(in, kTooDeep);
    in.nesting_ += levels;
  }
  static void ascend(Encoder& out, std::size_t levels) { out.nesting_ -= levels; }
  static void ascend(Decoder& in, std::size_t levels) { in.nesting_ -= levels; }
  // A level of nesting, for as long as it lives. Large values count more, as they may lie on the stack.
  template <class T, class Coder, bool = kRecursive<T>>
  class Nested {
   public:
    explicit Nested(Coder& coder) : coder_(coder) { descend(coder, kLevels); }
    ~Nested() { ascend(coder_, kLevels); }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    static constexpr std::size_t kLevels = std::min(1 + sizeof(T) / 4096, kMaxNesting);
    Coder& coder_;
  };
  template <class T, class Coder>
  class Nested<T, Coder, false> {
   public:
    explicit Nested(Coder&) {}
  };

  static std::size_t position(const Encoder& out) { return out.out_.size(); }
  static std::size_t position(const Decoder& in) { return in.left(); }
  // After an element of a container that began at this position.
  template <class Coder>
  static void count_empty(Coder& coder, std::size_t began) {
    if (position(coder) != began || ++coder.empties_ <= kMaxEmptyElements) return;
    refuse(coder, "containers hold more than 65536 elements without content");
  }
  // For who makes room before it reads: each element has a byte, or is one of those without content.
  static void admit(Decoder& in, std::uint64_t elements) {
    if (elements <= in.left()) return;
    if (elements - in.left() > kMaxEmptyElements - in.empties_)
      fail_decoding("expected " + std::to_string(elements) + " elements, " + std::to_string(in.left()) +
                    " bytes are left");
    in.empties_ += elements - in.left();
  }

 private:
  static constexpr const char* kTooDeep = "structs are nested too deep in each other: at most 512 levels";
  [[noreturn]] static void refuse(Encoder&, const char* why) { refuse_value(why); }
  [[noreturn]] static void refuse(Decoder&, const char* why) { fail_decoding(why); }
};

}  // namespace drover::detail
