// How what is passed to submit becomes what a function's parameter is given, in another process. Not for
// users.
//
//   here:        encode_argument<Param>(encoder, argument)
//   in a worker: auto wire = decode_argument<Param>(decoder);  function(pass<Param>(wire))
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <drover/codec.hpp>
#include <drover/shared_array.hpp>

namespace drover::detail {

template <class T>
inline constexpr bool is_shared_array = false;
template <class T>
inline constexpr bool is_shared_array<SharedArray<T>> = true;
template <class T>
inline constexpr bool is_span_parameter = false;
template <class T, std::size_t N>
inline constexpr bool is_span_parameter<std::span<T, N>> = true;
// Written like a vector, so it can be given to one.
template <class Arg, class Param>
inline constexpr bool is_span_for_vector = false;
template <class U, std::size_t N, class T, class A>
inline constexpr bool is_span_for_vector<std::span<U, N>, std::vector<T, A>> =
    std::is_same_v<std::remove_const_t<U>, T> && !std::is_same_v<T, bool>;

// What a worker holds for a parameter std::span<T> while the function runs: shared memory, or, for one that
// is only read, elements that came with the task.
template <class T>
struct SpanWire {
  SharedArray<T> shared;
  [[nodiscard]] std::span<T> span() const { return shared.span(); }
};

template <class T>
struct SpanWire<const T> {
  static constexpr bool kMayShare = std::is_trivially_copyable_v<T>;
  // Elements that cannot be shared come with the task only.
  using Shared = typename std::conditional_t<kMayShare, std::type_identity<SharedArray<const T>>,
                                             std::type_identity<std::monostate>>::type;
  // A vector of bool has no elements to point to.
  static constexpr bool kMayCome = !std::is_same_v<T, bool>;
  using Own = std::conditional_t<kMayCome, std::vector<T>, std::monostate>;

  std::variant<Own, Shared> held;

  [[nodiscard]] std::span<const T> span() const {
    if constexpr (kMayShare)
      if (const auto* shared = std::get_if<1>(&held)) return shared->span();
    if constexpr (kMayCome)
      if (const auto* own = std::get_if<0>(&held)) return *own;
    return {};
  }
};

// Wire: what arrives for a parameter, and lives until the function has returned.
template <class Param>
struct Parameter {
  using Wire = Param;

  template <class Arg>
  static void encode(Encoder& out, const Arg& argument) {
    if constexpr (std::is_same_v<Arg, Param>) {
      out.value(argument);
    } else if constexpr (std::is_same_v<Param, std::string> &&
                         std::is_convertible_v<const Arg&, std::string_view>) {
      out.value(std::string_view(argument));  // written alike, without a copy before
    } else if constexpr (is_span_for_vector<Arg, Param>) {
      out.value(std::span<const typename Param::value_type>(argument));
    } else {
      static_assert(
          std::is_convertible_v<const Arg&, Param>,
          "drover: an argument does not convert to the function's parameter; pass a value of that type");
      if constexpr (std::is_convertible_v<const Arg&, Param>) {
        const Param& converted = argument;
        out.value(converted);
      }
    }
  }
  static Wire decode(Decoder& in) { return in.template value<Param>(); }
};

template <class T, std::size_t N>
struct Parameter<std::span<const T, N>> {
  using Wire = SpanWire<const T>;

  template <class Arg>
  static void encode(Encoder& out, const Arg& argument) {
    if constexpr (is_shared_array<Arg>) {
      static_assert(std::is_same_v<typename Arg::value_type, T>,
                    "drover: a SharedArray goes to a span of the same elements only");
      if constexpr (std::is_same_v<typename Arg::value_type, T>) {
        require_size(argument.size());
        out.count(1);
        out.value(SharedArray<const T>(argument));
      }
    } else {
      static_assert(
          std::is_convertible_v<const Arg&, std::span<const T>>,
          "drover: for a parameter std::span<const T> pass a SharedArray<T>, or a vector, array or other "
          "contiguous range of T");
      static_assert(
          Wire::kMayCome,
          "drover: for a parameter std::span<const bool> pass a SharedArray<bool>, or let the function "
          "take a std::vector<bool>");
      if constexpr (std::is_convertible_v<const Arg&, std::span<const T>>) {
        const std::span<const T> elements = argument;
        require_size(elements.size());
        out.count(0);
        out.value(elements);
      }
    }
  }
  static Wire decode(Decoder& in) {
    Wire wire;
    const std::uint64_t kind = in.count();
    if (kind > 1 || (kind == 1 && !Wire::kMayShare) || (kind == 0 && !Wire::kMayCome))
      fail_decoding("expected a span that comes in a way its elements allow");
    if constexpr (Wire::kMayShare)
      if (kind == 1) wire.held.template emplace<1>(in.template value<SharedArray<const T>>());
    if constexpr (Wire::kMayCome)
      if (kind == 0) wire.held.template emplace<0>(in.template value<std::vector<T>>());
    if (N != std::dynamic_extent && wire.span().size() != N)
      fail_decoding("expected a span of " + std::to_string(N) + " elements");
    return wire;
  }

 private:
  static void require_size(std::size_t size) {
    if (N != std::dynamic_extent && size != N)
      throw std::length_error("drover: the function takes a span of " + std::to_string(N) +
                              " elements, not of " + std::to_string(size));
  }
};

template <class T, std::size_t N>
requires(!std::is_const_v<T>) struct Parameter<std::span<T, N>> {
  using Wire = SpanWire<T>;

  template <class Arg>
  static void encode(Encoder& out, const Arg& argument) {
    constexpr bool kFits = std::is_same_v<Arg, SharedArray<T>>;
    static_assert(
        kFits,
        "drover: a function that takes std::span<T> writes, so pass a SharedArray<T> that is not read_only; "
        "to read, let it take std::span<const T>");
    if constexpr (kFits) {
      if (N != std::dynamic_extent && argument.size() != N)
        throw std::length_error("drover: the function takes a span of " + std::to_string(N) +
                                " elements, not of " + std::to_string(argument.size()));
      out.value(argument);
    }
  }
  static Wire decode(Decoder& in) {
    Wire wire{in.template value<SharedArray<T>>()};
    if (N != std::dynamic_extent && wire.shared.size() != N)
      fail_decoding("expected a span of " + std::to_string(N) + " elements");
    return wire;
  }
};

// As it is written in the function's signature.
template <class Param>
requires(!std::is_same_v<Param, std::remove_cvref_t<Param>>) struct Parameter<Param>
    : Parameter<std::remove_cvref_t<Param>> {
};

// Throws what the encoding throws; std::length_error when a span of a fixed extent is given another number of
// elements.
template <class Param, class Arg>
void encode_argument(Encoder& out, const Arg& argument) {
  Parameter<Param>::encode(out, argument);
}

// Throws DecodeError, and std::system_error when shared memory cannot be mapped.
template <class Param>
typename Parameter<Param>::Wire decode_argument(Decoder& in) {
  return Parameter<Param>::decode(in);
}

// What the function is called with, once.
template <class Param>
decltype(auto) pass(typename Parameter<Param>::Wire& wire) {
  using Plain = std::remove_cvref_t<Param>;
  using Referred = std::remove_reference_t<Param>;
  static_assert(
      !std::is_lvalue_reference_v<Param> || std::is_const_v<Referred>,
      "drover: a task works on a copy of its arguments, so what it does to a T& is lost: take the parameter "
      "by value or const reference and return what has changed, or take a std::span<T> of a SharedArray");
  if constexpr (is_span_parameter<Plain>) {
    return Plain(wire.span().data(), wire.span().size());
  } else if constexpr (std::is_lvalue_reference_v<Param>) {
    return static_cast<const Plain&>(wire);
  } else {
    return static_cast<Plain&&>(wire);
  }
}

}  // namespace drover::detail
