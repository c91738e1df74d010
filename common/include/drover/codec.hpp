// How values travel between the coordinator and its workers: as bytes, of one program on one machine.
//
//   struct Shot { int frame; std::string scene; std::vector<double> camera; };   // travels as it is
//   static_assert(drover::Transportable<Shot>);
//
// What travels without your doing anything:
// * bool, integers, floating point, characters, std::byte, enums with a fixed underlying type (every
//   `enum class`);
// * strings, vector, deque, list, forward_list, array, the maps and sets, optional, variant, tuple, pair,
//   bitset, complex, monostate, chrono's durations and time points, filesystem::path, unique_ptr<T> (like an
//   optional: exactly a T, never something derived from it);
// * aggregates of up to 32 members that all travel; C arrays, bit-fields, trees (`struct Node {
//   std::vector<Node> … }`) and bases without data are fine. A struct with a C array must have a default and
//   members that can be assigned;
// * trivially copyable classes with private data: their bytes are copied as they are and cannot be checked.
// Refused at compile time, with a sentence: pointers, references, views, functions, polymorphic classes,
// unions, an enum without a fixed type (see EnumCodec), whatever owns something of its process. Two things
// the language hides, and the compiler words the error: an anonymous union inside a struct, and a base whose
// class is a member's class, too.
//
// For every other type, or to do it in your own way, specialise Codec, outside of your own namespaces. Your
// specialisation always wins:
//
//   template <> struct drover::Codec<Picture> {
//     static void encode(drover::Encoder& out, const Picture& picture) { out.value(picture.pixels()); }
//     static Picture decode(drover::Decoder& in) { return Picture(in.value<std::vector<char>>()); }
//   };
//   template <class T> struct drover::Codec<Matrix<T>> { … };                // a family
//   template <std::derived_from<Message> T> struct drover::Codec<T> { … };   // by a concept
//   template <> struct drover::Codec<Old> : drover::CerealCodec<Old> {};     // <drover/codec/cereal.hpp>
//
// Decoding trusts nothing. Whatever the bytes are, it either yields a value or throws DecodeError: it never
// reads past the end, and asks for no more memory than the bytes that are left can mean. Limits of both
// directions: kMaxNesting levels of structs within structs (fewer when they are larger than 4 KiB), and
// kMaxEmptyElements elements, in all containers together, that take no bytes. Thread safety: distinct objects
// are independent. Encoding a value reads it and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <drover/detail/small_buffer.hpp>

namespace drover {

inline constexpr std::size_t kMaxNesting = 512;
inline constexpr std::size_t kMaxEmptyElements = 65536;

// These bytes are no value of the type that was asked for; says what was expected.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// This value cannot be sent: its type can travel, but not what it holds now.
class NotTransportable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

struct SharedSegment;

class SegmentFinder {
 public:
  virtual ~SegmentFinder() = default;
  // Throws DecodeError if there is none.
  virtual std::shared_ptr<SharedSegment> find(std::uint64_t id) = 0;
};

struct CodecAccess;

[[noreturn, gnu::cold, gnu::noinline]] inline void fail_decoding(const std::string& text) {
  throw DecodeError("drover: " + text);
}
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_value(const std::string& text) {
  throw NotTransportable("drover: " + text);
}

}  // namespace detail

// Appends values to a buffer. Whatever throws leaves a part of the value in it.
class Encoder {
 public:
  // Both must outlive the encoder. Without `attachments` nothing in shared memory can travel.
  explicit Encoder(detail::SmallBuffer& out,
                   std::vector<std::shared_ptr<detail::SharedSegment>>* attachments = nullptr)
      : out_(out), attachments_(attachments) {}

  // Throws NotTransportable and std::bad_alloc. std::string_view and std::span can be encoded, as a string
  // and a vector: those are decoded.
  template <class T>
  void value(const T& value);
  // A size or a number: one byte below 128, ten at most.
  void count(std::uint64_t number) {
    while (number >= 0x80) {
      *out_.grow(1) = static_cast<char>(number | 0x80);
      number >>= 7;
    }
    *out_.grow(1) = static_cast<char>(number);
  }
  void bytes(const void* data, std::size_t size) { out_.append(data, size); }
  // This segment goes with the bytes; more than once does no harm.
  void attach(std::shared_ptr<detail::SharedSegment> segment) {
    if (attachments_ == nullptr) detail::refuse_value("shared memory cannot travel on this way");
    for (const auto& known : *attachments_)
      if (known == segment) return;
    attachments_->push_back(std::move(segment));
  }

 private:
  friend struct detail::CodecAccess;
  detail::SmallBuffer& out_;
  std::vector<std::shared_ptr<detail::SharedSegment>>* attachments_;
  std::size_t nesting_ = 0;
  std::size_t empties_ = 0;
};

// Takes values from the front of some bytes, which must outlive it. After an exception it is of no further
// use.
class Decoder {
 public:
  explicit Decoder(std::string_view in, detail::SegmentFinder* segments = nullptr)
      : rest_(in), segments_(segments) {}

  // Throws DecodeError and std::bad_alloc, as do the others.
  template <class T>
  std::remove_const_t<T> value();
  std::uint64_t count() {
    std::uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto part = static_cast<unsigned char>(*bytes(1));
      if ((shift != 0 && part == 0) || (shift == 63 && part > 1))
        detail::fail_decoding("expected a number in its shortest form, at most 64 bits");
      number |= std::uint64_t{part & 0x7fU} << shift;
      if (part < 0x80) return number;
    }
  }
  // The next `size` bytes, which need not be aligned.
  const char* bytes(std::size_t size) {
    if (size > rest_.size()) fail_short(size);
    const char* const at = rest_.data();
    rest_.remove_prefix(size);
    return at;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  // Throws if bytes are left.
  void finish() const {
    if (!rest_.empty())
      detail::fail_decoding("expected the end, " + std::to_string(rest_.size()) + " more bytes follow");
  }
  // Null where nothing in shared memory can arrive.
  [[nodiscard]] detail::SegmentFinder* segments() const { return segments_; }

 private:
  friend struct detail::CodecAccess;
  [[noreturn, gnu::cold, gnu::noinline]] void fail_short(std::size_t size) const {
    detail::fail_decoding("expected " + std::to_string(size) + " more bytes, " +
                          std::to_string(rest_.size()) + " are left");
  }
  std::string_view rest_;
  detail::SegmentFinder* segments_;
  std::size_t nesting_ = 0;
  std::size_t empties_ = 0;
};

namespace detail {
template <class T>
struct Standard;
}  // namespace detail

// static void encode(Encoder&, const T&), which throws what Encoder does, and static T decode(Decoder&),
// which throws DecodeError for every sequence of bytes that encode never writes, or yields some T. The second
// parameter is for specialisations by std::enable_if_t.
template <class T, class = void>
struct Codec : detail::Standard<T> {
  using NotSpecialised = T;
};

// For an enum without a fixed underlying type, whose values are First..Last: others would be undefined
// behaviour.
//   template <> struct drover::Codec<Color> : drover::EnumCodec<Color, Red, Blue> {};
template <class E, E First, E Last>
struct EnumCodec {
  using Number = std::underlying_type_t<E>;
  static void encode(Encoder& out, const E& value) {
    const auto number = static_cast<Number>(value);
    out.bytes(&number, sizeof number);
  }
  static E decode(Decoder& in) {
    Number number;
    std::memcpy(&number, in.bytes(sizeof number), sizeof number);
    if (number < static_cast<Number>(First) || number > static_cast<Number>(Last))
      detail::fail_decoding("expected an enum's value, found " + std::to_string(number));
    return static_cast<E>(number);
  }
};

}  // namespace drover

#include <drover/detail/codec_check.hpp>
#include <drover/detail/codec_containers.hpp>
#include <drover/detail/codec_layout.hpp>
#include <drover/detail/codec_standard.hpp>

namespace drover {

// T can be an argument or a result. False for whatever would be refused.
template <class T>
concept Transportable = detail::Finding<T>::kProblem == detail::Problem::None;

template <class T>
void Encoder::value(const T& value) {
  if constexpr (!detail::kEncodeOnly<T>) detail::require_transportable<T>();
  [[maybe_unused]] const detail::CodecAccess::Nested<T, Encoder> nested(*this);
  Codec<T>::encode(*this, value);
}

template <class T>
std::remove_const_t<T> Decoder::value() {
  using Plain = std::remove_const_t<T>;
  detail::require_transportable<Plain>();
  [[maybe_unused]] const detail::CodecAccess::Nested<Plain, Decoder> nested(*this);
  return Codec<Plain>::decode(*this);
}

}  // namespace drover
