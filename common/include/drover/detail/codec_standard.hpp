// How numbers, structs and the small types of the standard library travel. Containers: codec_containers.hpp.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <drover/codec.hpp>
#include <drover/detail/codec_check.hpp>
#include <drover/detail/codec_layout.hpp>

namespace drover::detail {

// A T of these bytes, whether or not it has a default.
template <class T>
T from_bytes(const char* at) {
  struct Bytes {
    char bytes[sizeof(T)];
  } bytes;
  std::memcpy(bytes.bytes, at, sizeof(T));
  return std::bit_cast<T>(bytes);
}

template <class T>
void encode_member(Encoder& out, const T& member) {
  if constexpr (!std::is_array_v<T>)
    out.value(member);
  else if constexpr (kBitwise<std::remove_all_extents_t<T>>)
    out.bytes(member, sizeof member);
  else
    for (const auto& element : member) encode_member(out, element);
}
template <class T, std::size_t n>
void decode_array(Decoder& in, T (&array)[n]) {
  if constexpr (kBitwise<std::remove_all_extents_t<T>>)
    std::memcpy(static_cast<void*>(array), in.bytes(sizeof array), sizeof array);
  else if constexpr (std::is_array_v<T>)
    for (T& element : array) decode_array(in, element);
  else
    for (T& element : array) element = in.value<T>();
}

template <class T, class... M, std::size_t... I>
T decode_members(Decoder& in, Types<M...>, std::index_sequence<I...>) {
  return T{Nth<AnyBase<T, true>, I>{}..., in.value<M>()...};
}

// Whatever none of the others is for.
template <class T>
struct Standard {
  static void encode(Encoder& out, const T& value) {
    if constexpr (std::is_same_v<T, long double>)
      out.bytes(&value, kLongDoubleBytes);
    else if constexpr (!kPlain<T> || kBitwise<T>)
      out.bytes(&value, sizeof value);
    else if constexpr (!std::is_empty_v<T>)
      with_members(value, [&out](const auto&... members) { (encode_member(out, members), ...); });
  }
  static T decode(Decoder& in) {
    if constexpr (std::is_same_v<T, bool>) {
      const char byte = *in.bytes(1);
      if (byte != 0 && byte != 1) fail_decoding("expected a bool, 0 or 1, found " + std::to_string(byte));
      return byte == 1;
    } else if constexpr (std::is_same_v<T, long double>) {
      long double value = 0;
      std::memcpy(&value, in.bytes(kLongDoubleBytes), kLongDoubleBytes);
      return value;
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(in.value<std::underlying_type_t<T>>());
    } else if constexpr (!kPlain<T> || kBitwise<T>) {
      return from_bytes<T>(in.bytes(sizeof(T)));
    } else if constexpr (std::is_empty_v<T>) {
      return T{};
    } else if constexpr (any_array(Members<T>())) {
      T value{};
      assign_members(in, value);
      return value;
    } else {
      return decode_members<T>(in, Members<T>(), std::make_index_sequence<kArity<T>.bases>());
    }
  }
};

template <class T, std::size_t n>
struct Standard<std::array<T, n>> {
  using Parts = Types<T>;
  using SameBytesAs = T;
  static constexpr std::size_t kLeast = n * detail::kLeast<std::remove_const_t<T>>;
  using Array = std::array<T, n>;

  static void encode(Encoder& out, const Array& array) {
    if constexpr (kBitwise<T>)
      out.bytes(array.data(), sizeof array);
    else
      for (const T& element : array) out.value(element);
  }
  static Array decode(Decoder& in) {
    if constexpr (kBitwise<T>) {
      return from_bytes<Array>(in.bytes(sizeof(Array)));
    } else if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      Array array{};
      for (T& element : array) element = in.value<T>();
      return array;
    } else {
      return [&in]<std::size_t... I>(std::index_sequence<I...>) {
        return Array{in.value<Nth<T, I>>()...};
      }
      (std::make_index_sequence<n>());
    }
  }
};
template <class T>
struct Standard<std::array<T, 0>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 0;
  static void encode(Encoder&, const std::array<T, 0>&) {}
  static std::array<T, 0> decode(Decoder&) { return {}; }
};

template <class A, class B>
struct Standard<std::pair<A, B>> {
  using Parts = Types<A, B>;
  static constexpr std::size_t kLeast = sum_of_least(Parts());

  static void encode(Encoder& out, const std::pair<A, B>& pair) {
    out.value(pair.first);
    out.value(pair.second);
  }
  static std::pair<A, B> decode(Decoder& in) { return std::pair<A, B>{in.value<A>(), in.value<B>()}; }
};

template <class... T>
struct Standard<std::tuple<T...>> {
  using Parts = Types<T...>;
  static constexpr std::size_t kLeast = sum_of_least(Parts());

  static void encode(Encoder& out, const std::tuple<T...>& tuple) {
    std::apply([&out](const auto&... elements) { (out.value(elements), ...); }, tuple);
  }
  static std::tuple<T...> decode([[maybe_unused]] Decoder& in) { return std::tuple<T...>{in.value<T>()...}; }
};

template <class T>
struct Standard<std::optional<T>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;

  static void encode(Encoder& out, const std::optional<T>& optional) {
    out.value(optional.has_value());
    if (optional) out.value(*optional);
  }
  static std::optional<T> decode(Decoder& in) {
    if (!in.value<bool>()) return std::nullopt;
    return std::optional<T>(std::in_place, in.value<T>());
  }
};

template <class T>
requires(!std::is_array_v<T>) struct Standard<std::unique_ptr<T>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;

  static void encode(Encoder& out, const std::unique_ptr<T>& pointer) {
    out.value(pointer != nullptr);
    if (pointer) out.value(*pointer);
  }
  static std::unique_ptr<T> decode(Decoder& in) {
    if (!in.value<bool>()) return nullptr;
    return std::unique_ptr<T>(new T(in.value<T>()));
  }
};

template <class... T>
struct Standard<std::variant<T...>> {
  using Parts = Types<T...>;
  static constexpr std::size_t kLeast = 1;
  using Variant = std::variant<T...>;

  static void encode(Encoder& out, const Variant& variant) {
    if (variant.valueless_by_exception()) refuse_value("a std::variant that lost its value cannot travel");
    out.count(variant.index());
    std::visit([&out](const auto& value) { out.value(value); }, variant);
  }
  static Variant decode(Decoder& in) {
    const std::uint64_t index = in.count();
    if (index >= sizeof...(T))
      fail_decoding("expected one of " + std::to_string(sizeof...(T)) + " alternatives, found number " +
                    std::to_string(index));
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      using Decode = Variant (*)(Decoder&);
      static constexpr Decode kDecode[] = {
          [](Decoder& from) { return Variant(std::in_place_index<I>, from.value<T>()); }...};
      return kDecode[index](in);
    }
    (std::index_sequence_for<T...>());
  }
};

template <class Rep, class Period>
struct Standard<std::chrono::duration<Rep, Period>> {
  using Parts = Types<Rep>;
  using SameBytesAs = Rep;
  static constexpr std::size_t kLeast = detail::kLeast<Rep>;
  using Duration = std::chrono::duration<Rep, Period>;

  static void encode(Encoder& out, const Duration& duration) { out.value(duration.count()); }
  static Duration decode(Decoder& in) { return Duration(in.value<Rep>()); }
};

template <class Clock, class Duration>
struct Standard<std::chrono::time_point<Clock, Duration>> {
  using Parts = Types<Duration>;
  using SameBytesAs = Duration;
  static constexpr std::size_t kLeast = detail::kLeast<Duration>;
  using Point = std::chrono::time_point<Clock, Duration>;

  static void encode(Encoder& out, const Point& point) { out.value(point.time_since_epoch()); }
  static Point decode(Decoder& in) { return Point(in.value<Duration>()); }
};

template <class T>
struct Standard<std::complex<T>> {
  using Parts = Types<T>;
  using SameBytesAs = T;
  static constexpr std::size_t kLeast = 2 * detail::kLeast<T>;

  static void encode(Encoder& out, const std::complex<T>& number) {
    out.value(number.real());
    out.value(number.imag());
  }
  static std::complex<T> decode(Decoder& in) { return std::complex<T>{in.value<T>(), in.value<T>()}; }
};

template <std::same_as<std::filesystem::path> Path>
struct Standard<Path> {
  using Parts = Types<>;
  static constexpr std::size_t kLeast = 1;

  static void encode(Encoder& out, const Path& path) { out.value(path.native()); }
  static Path decode(Decoder& in) { return Path(in.value<typename Path::string_type>()); }
};

}  // namespace drover::detail
