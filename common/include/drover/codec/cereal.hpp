// Types that cereal can serialize travel by that, when you say so:
//
//   #include <drover/codec/cereal.hpp>
//   #include <cereal/types/vector.hpp>            // cereal's own header for each standard type in use
//   template <> struct drover::Codec<Scene> : drover::CerealCodec<Scene> {};
//
// The type must have a public default constructor. Everything of cereal works, shared and polymorphic
// pointers included; for CEREAL_REGISTER_TYPE this header must come first. Needs cereal 1.3 and no library.
// Throws like every Codec: NotTransportable where cereal refuses a value, DecodeError for bytes that it, or
// this archive, refuses. The archive checks counts, lengths, bools and nesting (512 calls of cereal within
// each other, in both directions); what your serialize functions do with numbers that they read is theirs.
#pragma once

#include <cereal/cereal.hpp>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include <drover/codec.hpp>

namespace drover {

namespace detail {

class CerealOutput : public cereal::OutputArchive<CerealOutput, cereal::AllowEmptyClassElision> {
 public:
  explicit CerealOutput(Encoder& out)
      : cereal::OutputArchive<CerealOutput, cereal::AllowEmptyClassElision>(this), out_(out) {}
  [[nodiscard]] Encoder& encoder() { return out_; }

 private:
  Encoder& out_;
};

class CerealInput : public cereal::InputArchive<CerealInput, cereal::AllowEmptyClassElision> {
 public:
  explicit CerealInput(Decoder& in)
      : cereal::InputArchive<CerealInput, cereal::AllowEmptyClassElision>(this), in_(in) {}
  [[nodiscard]] Decoder& decoder() { return in_; }

 private:
  Decoder& in_;
};

// What cereal finds by the archive's namespace, and calls by these names.
template <class T>
void prologue(CerealOutput& archive, const T&) {
  if constexpr (std::is_class_v<T>) CodecAccess::descend(archive.encoder(), 1);
}
template <class T>
void epilogue(CerealOutput& archive, const T&) {
  if constexpr (std::is_class_v<T>) CodecAccess::ascend(archive.encoder(), 1);
}
template <class T>
void prologue(CerealInput& archive, const T&) {
  if constexpr (std::is_class_v<T>) CodecAccess::descend(archive.decoder(), 1);
}
template <class T>
void epilogue(CerealInput& archive, const T&) {
  if constexpr (std::is_class_v<T>) CodecAccess::ascend(archive.decoder(), 1);
}

template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const T& number) {
  archive.encoder().value(number);
}
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, T& number) {
  number = archive.decoder().value<T>();
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const cereal::SizeTag<T>& tag) {
  archive.encoder().count(tag.size);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, cereal::SizeTag<T>& tag) {
  const std::uint64_t size = archive.decoder().count();
  CodecAccess::admit(archive.decoder(), size);
  tag.size = static_cast<std::remove_cvref_t<T>>(size);
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const cereal::BinaryData<T>& data) {
  archive.encoder().bytes(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, cereal::BinaryData<T>& data) {
  const auto size = static_cast<std::size_t>(data.size);
  const char* const from = archive.decoder().bytes(size);
  if (size != 0) std::memcpy(data.data, from, size);
}

}  // namespace detail

template <class T>
struct CerealCodec {
  static_assert(std::is_default_constructible_v<T>,
                "drover: a type that travels by cereal needs a public default constructor");
  static void encode(Encoder& out, const T& value) {
    try {
      detail::CerealOutput archive(out);
      archive(value);
      archive.serializeDeferments();
    } catch (const cereal::Exception& error) {
      detail::refuse_value(std::string("cereal refuses this value: ") + error.what());
    }
  }
  static T decode(Decoder& in) {
    try {
      T value = T();
      detail::CerealInput archive(in);
      archive(value);
      archive.serializeDeferments();
      return value;
    } catch (const cereal::Exception& error) {
      detail::fail_decoding(std::string("cereal refuses these bytes: ") + error.what());
    }
  }
};

}  // namespace drover

CEREAL_REGISTER_ARCHIVE(drover::detail::CerealOutput)
CEREAL_REGISTER_ARCHIVE(drover::detail::CerealInput)
CEREAL_SETUP_ARCHIVE_TRAITS(drover::detail::CerealInput, drover::detail::CerealOutput)
