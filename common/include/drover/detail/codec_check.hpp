// Which types travel, and for those that do not, why: one sentence that says what to do.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <typeindex>
#include <utility>

#include <drover/codec.hpp>
#include <drover/detail/codec_members.hpp>

namespace drover::detail {

enum class Problem {
  None,
  Reference,
  Void,
  Array,
  Incomplete,
  Abstract,
  WrongCodec,
  Pointer,
  OpenEnum,
  FunctionObject,
  View,
  HiddenPointer,
  Shared,
  Polymorphic,
  Union,
  DataInBase,
  NotTakenApart,
  ArrayMember,
  Owner,
  NoCodec,
};

template <class T>
concept Specialised = !requires {
  typename Codec<T>::NotSpecialised;
}
|| !std::is_same_v<typename Codec<T>::NotSpecialised, T>;
template <class T>
concept HasCodec = requires(Encoder& out, Decoder& in, const T& value) {
  Codec<T>::encode(out, value);
  { Codec<T>::decode(in) } -> std::same_as<T>;
};
template <class T>
concept HasParts = requires {
  typename Standard<T>::Parts;
};

// E{number} is right only for enums with a fixed underlying type.
template <class E>
concept FixedEnum = std::is_enum_v<E> && requires {
  E{std::underlying_type_t<E>{}};
};

template <class T>
inline constexpr bool kEncodeOnly = false;
template <class C, class Traits>
inline constexpr bool kEncodeOnly<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t n>
inline constexpr bool kEncodeOnly<std::span<T, n>> = true;

// std::function and its like.
template <class T>
inline constexpr bool kFunctionObject = false;
template <template <class> class F, class R, class... A>
inline constexpr bool kFunctionObject<F<R(A...)>> = true;

template <class T>
inline constexpr bool kShared = false;
template <class T>
inline constexpr bool kShared<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool kShared<std::weak_ptr<T>> = true;

// Trivially copyable, and of no use in another process.
template <class T>
inline constexpr bool kHiddenPointer = std::is_same_v<T, std::error_code> ||
                                       std::is_same_v<T, std::error_condition> ||
                                       std::is_same_v<T, std::type_index> || requires(T t) {
  typename T::iterator_category;
  *t;
  ++t;
};
template <class T>
inline constexpr bool kHiddenPointer<std::initializer_list<T>> = true;
template <class T>
inline constexpr bool kHiddenPointer<std::reference_wrapper<T>> = true;

// Classes that are taken apart.
template <class T>
inline constexpr bool kPlain = std::is_class_v<T>&& std::is_aggregate_v<T> && !HasParts<T>;

template <class... M>
consteval bool any_array(Types<M...>) {
  return (std::is_array_v<M> || ...);
}
template <class... M>
consteval bool all_assignable(Types<M...>) {
  return (std::is_assignable_v<std::remove_all_extents_t<M>&, std::remove_all_extents_t<M>> && ...);
}

template <Problem problem, class What, class Holder, class Seen>
struct Found {
  static constexpr Problem kProblem = problem;
  using Culprit = What;
  using In = Holder;
  using Known = Seen;
};

template <class T, class... Known>
consteval bool is_among(Types<Known...>) {
  return (std::is_same_v<T, Known> || ...);
}

template <class T, class Holder, class Seen>
consteval auto examine();

template <class Holder, class Before>
consteval auto examine_parts(Before before, Types<>) {
  return before;
}
template <class Holder, class Before, class Part, class... Parts>
consteval auto examine_parts(Before before, Types<Part, Parts...>) {
  if constexpr (Before::kProblem != Problem::None)
    return before;
  else
    return examine_parts<Holder>(examine<Part, Holder, typename Before::Known>(), Types<Parts...>());
}

template <class T>
consteval Problem problem_of_members() {
  if constexpr (kArity<T>.data_in_bases)
    return Problem::DataInBase;
  else if constexpr (kArity<T>.members == 0)
    return Problem::NotTakenApart;
  else if constexpr (any_array(Members<T>()) && !(requires { T{}; } && all_assignable(Members<T>())))
    return Problem::ArrayMember;
  else
    return Problem::None;
}

// What stands against T itself, whatever it is made of. `inside`: as a member of something.
template <class T, bool inside>
consteval Problem problem_of() {
  if constexpr (std::is_reference_v<T>)
    return Problem::Reference;
  else if constexpr (std::is_void_v<T>)
    return Problem::Void;
  else if constexpr (std::is_function_v<T>)
    return Problem::Pointer;
  else if constexpr (std::is_array_v<T>)
    return inside && std::is_bounded_array_v<T> ? Problem::None : Problem::Array;
  else if constexpr (!requires { sizeof(T); })
    return Problem::Incomplete;
  else if constexpr (std::is_abstract_v<T>)
    return Problem::Abstract;
  else if constexpr (std::is_volatile_v<T>)
    return Problem::NoCodec;
  else if constexpr (Specialised<T>)
    return HasCodec<T> ? Problem::None : Problem::WrongCodec;
  else if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>)
    return Problem::Pointer;
  else if constexpr (std::is_enum_v<T>)
    return FixedEnum<T> ? Problem::None : Problem::OpenEnum;
  else if constexpr (std::is_arithmetic_v<T> || HasParts<T>)
    return Problem::None;
  else if constexpr (kFunctionObject<T>)
    return Problem::FunctionObject;
  else if constexpr (kEncodeOnly<T> || std::ranges::enable_borrowed_range<T>)
    return Problem::View;
  else if constexpr (kHiddenPointer<T>)
    return Problem::HiddenPointer;
  else if constexpr (kShared<T>)
    return Problem::Shared;
  else if constexpr (std::is_polymorphic_v<T>)
    return Problem::Polymorphic;
  else if constexpr (std::is_union_v<T>)
    return Problem::Union;
  else if constexpr (std::is_aggregate_v<T> && std::is_empty_v<T>)
    return Problem::None;
  else if constexpr (std::is_aggregate_v<T>)
    return problem_of_members<T>();
  else if constexpr (std::is_trivially_copyable_v<T> && std::is_trivially_copy_constructible_v<T>)
    return Problem::None;
  else
    return std::is_copy_constructible_v<T> ? Problem::NoCodec : Problem::Owner;
}

// Depth first. What has been seen is not looked at again, so a type may contain itself.
template <class Given, class Holder, class... Seen>
consteval auto examine_type(Types<Seen...> seen) {
  using T = std::remove_const_t<Given>;
  constexpr Problem problem = problem_of<T, !std::is_void_v<Holder>>();
  if constexpr (problem != Problem::None || is_among<T>(seen)) {
    return Found<problem, Given, Holder, Types<Seen...>>();
  } else {
    using Fine = Found<Problem::None, Given, Holder, Types<Seen..., T>>;
    if constexpr (std::is_array_v<T>)
      return examine_parts<Holder>(Fine(), Types<std::remove_all_extents_t<T>>());
    else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || Specialised<T>)
      return Found<Problem::None, Given, Holder, Types<Seen...>>();
    else if constexpr (HasParts<T>)
      return examine_parts<T>(Fine(), typename Standard<T>::Parts());
    else if constexpr (kPlain<T> && !std::is_empty_v<T>)
      return examine_parts<T>(Fine(), Members<T>());
    else
      return Fine();
  }
}
template <class T, class Holder, class Seen>
consteval auto examine() {
  return examine_type<T, Holder>(Seen());
}

template <class T>
using Finding = decltype(examine<T, void, Types<>>());

// Its arguments tell, in the compiler's note, what is refused and in which type it lies.
template <Problem problem, class What, class In, class Whole>
consteval void explain() {
  static_assert(problem != Problem::Reference,
                "drover: a reference means nothing in another process; pass or return the value itself");
  static_assert(problem != Problem::Void, "drover: void is no value; std::monostate is an empty one");
  static_assert(problem != Problem::Array,
                "drover: a C array cannot be passed or returned by itself; use std::array or std::vector");
  static_assert(problem != Problem::Incomplete,
                "drover: this type is only declared here; include its definition before this line");
  static_assert(problem != Problem::Abstract,
                "drover: an abstract class has no values; pass a std::variant of the classes that there are");
  static_assert(problem != Problem::WrongCodec,
                "drover: this Codec needs static void encode(drover::Encoder&, const T&) and static T "
                "decode(drover::Decoder&)");
  static_assert(problem != Problem::Pointer,
                "drover: a pointer means nothing in another process; pass the value, a container of values, "
                "std::unique_ptr, or a drover::SharedArray for large data");
  static_assert(problem != Problem::OpenEnum,
                "drover: not every number is a value of an enum without a fixed underlying type; write enum "
                "class, or enum E : int, or derive drover::Codec<E> from drover::EnumCodec<E, First, Last>");
  static_assert(problem != Problem::FunctionObject,
                "drover: a function object such as std::function cannot leave its process; name the function "
                "as a template argument, submit<&function>, and pass its data as arguments");
  static_assert(problem != Problem::View,
                "drover: a view such as std::string_view would dangle in another process; take a const "
                "std::string& or const std::vector<T>& parameter, return a std::string or std::vector");
  static_assert(problem != Problem::HiddenPointer,
                "drover: inside this type is a pointer, which means nothing in another process; pass the "
                "value it stands for");
  static_assert(problem != Problem::Shared,
                "drover: what std::shared_ptr shares cannot be shared between processes; pass the value or a "
                "std::unique_ptr, or a drover::SharedArray for large data");
  static_assert(
      problem != Problem::Polymorphic,
      "drover: of a polymorphic class only the base would arrive; pass a std::variant of the classes "
      "that there are, or specialise drover::Codec for this class");
  static_assert(problem != Problem::Union,
                "drover: nobody knows which member of a union is in use; use std::variant");
  static_assert(problem != Problem::DataInBase,
                "drover: this struct has data in a base class; make the base a member, or specialise "
                "drover::Codec for the struct");
  static_assert(
      problem != Problem::NotTakenApart,
      "drover: this struct cannot be taken apart, as it has more than 32 members, a reference, or its "
      "own std::tuple_size; group its members, or specialise drover::Codec for it");
  static_assert(problem != Problem::ArrayMember,
                "drover: a struct with a C array must have a default, and members that can be assigned; use "
                "std::array, or specialise drover::Codec for the struct");
  static_assert(
      problem != Problem::Owner,
      "drover: this class cannot be copied, so it owns something of its process; pass what it stands "
      "for, or specialise drover::Codec for it");
  static_assert(
      problem != Problem::NoCodec,
      "drover: nobody has said how this class travels; specialise drover::Codec for it, or make it a "
      "struct with public members");
}

// Nothing, or a compile error with a sentence.
template <class T>
consteval void require_transportable() {
  using Result = Finding<T>;
  explain<Result::kProblem, typename Result::Culprit, typename Result::In, T>();
}

}  // namespace drover::detail
