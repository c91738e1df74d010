// How a function that C++ code names by its address gets a number on which coordinator and worker agree. Not
// for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <drover/codec.hpp>
#include <drover/context.hpp>
#include <drover/detail/arguments.hpp>
#include <drover/detail/signature.hpp>
#include <drover/detail/small_buffer.hpp>

namespace drover::detail {

// Decodes the arguments, calls the function, appends the encoded result; nothing for void. Throws what the
// function throws, and DecodeError, NotTransportable, std::bad_alloc of the way there and back.
using TypedThunk = void (*)(Decoder& args, Context& context, SmallBuffer& result);

struct FunctionEntry {
  static constexpr std::uint32_t kNoNumber = 0xFFFFFFFF;

  // Adds itself to the functions of this process. In a static initialiser.
  explicit FunctionEntry(TypedThunk called) noexcept;
  FunctionEntry(const FunctionEntry&) = delete;
  FunctionEntry& operator=(const FunctionEntry&) = delete;

  TypedThunk thunk;
  FunctionEntry* next = nullptr;
  std::uint32_t number = kNoNumber;  // set when the list is sealed
};

// Its index in the list of this process's functions, the same in every process of the same image. The first
// call seals the list. Throws NotTransportable when the entry came later. Any thread.
[[nodiscard]] std::uint32_t function_number(const FunctionEntry& entry);
// The whole list: what a function's number is an index of. Seals it. Named functions come first.
[[nodiscard]] const std::vector<std::string>& function_names();

// These are true, or a compile error with a sentence.
template <class R>
consteval bool require_result() {
  constexpr bool kRefers =
      std::is_reference_v<R> || std::is_pointer_v<R> || std::is_same_v<R, std::string_view>;
  static_assert(
      !kRefers,
      "drover: a task's result is made in another process, so nothing there can be referred to: return a "
      "value instead of a reference, pointer or view, such as a std::string or std::vector");
  if constexpr (kRefers || std::is_void_v<R>)
    return true;
  else
    return require_transportable<R>(), true;
}

template <class P>
consteval bool require_parameter() {
  using Plain = std::remove_cvref_t<P>;
  static_assert(
      !std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
      "drover: a task works on a copy of its arguments, so what it does to a T& is lost: take the parameter "
      "by value or const reference and return what has changed, or take a std::span<T> of a SharedArray");
  if constexpr (is_span_parameter<Plain>)
    return true;
  else
    return require_transportable<Plain>(), true;
}

template <class... P>
consteval bool require_parameters(TypeList<P...>) {
  return (require_parameter<P>() && ...);
}

template <auto F>
consteval bool require_task() {
  return require_result<typename Signature<F>::Result>() &&
         require_parameters(typename Signature<F>::Parameters{});
}

template <class List>
struct WiresOf;
template <class... P>
struct WiresOf<TypeList<P...>> {
  using type = std::tuple<typename Parameter<P>::Wire...>;
  // Braces: one after the other, from the left.
  static type decode(Decoder& args) { return type{decode_argument<P>(args)...}; }
};

template <class P, std::size_t Index, class Wires>
decltype(auto) pass_wire([[maybe_unused]] Wires& wires, [[maybe_unused]] Context& context) {
  if constexpr (is_context<P>)
    return static_cast<Context&>(context);
  else
    return pass<P>(std::get<Index>(wires));
}

template <auto F>
void call_typed(Decoder& args, Context& context, [[maybe_unused]] SmallBuffer& result) {
  using S = Signature<F>;
  using All = typename S::All;
  auto wires = WiresOf<typename S::Parameters>::decode(args);
  args.finish();
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    if constexpr (std::is_void_v<typename S::Result>) {
      F(pass_wire<Element<I, All>, value_index<All, I>>(wires, context)...);
    } else {
      const auto& value = F(pass_wire<Element<I, All>, value_index<All, I>>(wires, context)...);
      Encoder(result).value(value);
    }
  }
  (std::make_index_sequence<All::size>());
}

template <auto F>
constexpr TypedThunk thunk_of() {
  static_assert(require_task<F>());
  return &call_typed<F>;
}

// Whoever names Registered<F>::entry has it registered before main: the entry's initialiser does it.
template <auto F>
struct Registered {
  static FunctionEntry entry;
};
template <auto F>
FunctionEntry Registered<F>::entry{thunk_of<F>()};

}  // namespace drover::detail
