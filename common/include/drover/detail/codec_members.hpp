// The members of an aggregate, found without its help: how many there are is tried out, structured bindings
// name them.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <drover/codec.hpp>

namespace drover::detail {

template <class... T>
struct Types {};
template <class... A, class... B>
constexpr Types<A..., B...> operator+(Types<A...>, Types<B...>) {
  return {};
}

// Initialises anything but a C array, of which it initialises an element.
struct Anything {
  template <class T>
  operator T() const;
};
struct Nothing {};
// Initialises a base of T.
template <class T, bool kOnlyEmpty>
struct AnyBase {
  template <class Base>
  requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T> && (!kOnlyEmpty || std::is_empty_v<Base>))
  operator Base() const {
    return Base{};
  }
};
template <class What, std::size_t>
using Nth = What;

// DROVER_EACH(F, a, b, …) is F(a) F(b) …; DROVER_ARITIES(F) is F(1, m1) F(2, m1, m2) …, up to kMaxMembers.
#define DROVER_PARENS ()
#define DROVER_SCAN_1(...) __VA_ARGS__
#define DROVER_SCAN_4(...) DROVER_SCAN_1(DROVER_SCAN_1(DROVER_SCAN_1(DROVER_SCAN_1(__VA_ARGS__))))
#define DROVER_SCAN_16(...) DROVER_SCAN_4(DROVER_SCAN_4(DROVER_SCAN_4(DROVER_SCAN_4(__VA_ARGS__))))
#define DROVER_EACH(f, ...) DROVER_SCAN_16(DROVER_SCAN_16(DROVER_EACH_STEP(f, __VA_ARGS__)))
#define DROVER_EACH_STEP(f, a, ...) f(a) __VA_OPT__(DROVER_EACH_NEXT DROVER_PARENS(f, __VA_ARGS__))
#define DROVER_EACH_NEXT() DROVER_EACH_STEP
// clang-format off
#define DROVER_ARITIES(F) \
  F(1, m1) \
  F(2, m1, m2) \
  F(3, m1, m2, m3) \
  F(4, m1, m2, m3, m4) \
  F(5, m1, m2, m3, m4, m5) \
  F(6, m1, m2, m3, m4, m5, m6) \
  F(7, m1, m2, m3, m4, m5, m6, m7) \
  F(8, m1, m2, m3, m4, m5, m6, m7, m8) \
  F(9, m1, m2, m3, m4, m5, m6, m7, m8, m9) \
  F(10, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10) \
  F(11, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11) \
  F(12, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12) \
  F(13, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13) \
  F(14, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14) \
  F(15, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15) \
  F(16, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16) \
  F(17, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17) \
  F(18, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18) \
  F(19, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19) \
  F(20, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20) \
  F(21, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21) \
  F(22, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22) \
  F(23, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23) \
  F(24, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24) \
  F(25, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25) \
  F(26, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26) \
  F(27, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27) \
  F(28, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27, m28) \
  F(29, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27, m28, m29) \
  F(30, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27, m28, m29, m30) \
  F(31, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27, m28, m29, m30, m31) \
  F(32, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, \
  m22, m23, m24, m25, m26, m27, m28, m29, m30, m31, m32)
// clang-format on

inline constexpr std::size_t kMaxMembers = 32;

// Whether T{{}, {}, …, More{}…} with n times {} is right. As {} stands for a whole array, too, this counts
// members.
template <class T, std::size_t n, class... More>
consteval bool takes_braces() {
  if constexpr (n == 0) return requires {
      T{More{}...};
    };
#define DROVER_BRACES(member) {},
#define DROVER_CASE(arity, ...)                           \
  else if constexpr (n == arity) return requires {        \
    T{DROVER_EACH(DROVER_BRACES, __VA_ARGS__) More{}...}; \
  };
  // clang-format off
  DROVER_ARITIES(DROVER_CASE)
  else return false;
  // clang-format on
#undef DROVER_CASE
#undef DROVER_BRACES
}
template <class T, std::size_t n = 0>
consteval std::size_t count_braces() {
  if constexpr (takes_braces<T, n + 1>())
    return count_braces<T, n + 1>();
  else
    return n;
}

// Whether T{First{}…, Middle{}…, Anything{}…} is right.
template <class T, class First, class... Middle, std::size_t... I, std::size_t... J>
consteval bool takes(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires {
    T{Nth<First, I>{}..., Middle{}..., Nth<Anything, J>{}...};
  };
}
template <class T, class First, std::size_t first, std::size_t rest, class... Middle>
inline constexpr bool kTakes = takes<T, First, Middle...>(std::make_index_sequence<first>(),
                                                          std::make_index_sequence<rest>());
template <class T, std::size_t... I, std::size_t... J>
consteval bool takes_braces_between(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires {
    T{Nth<Anything, I>{}..., {}, Nth<Anything, J>{}...};
  };
}

// How many of Anything T takes, n at most: each element of an array counts. 0 when it takes none.
template <class T, std::size_t n>
consteval std::size_t count_elements() {
  if constexpr (n == 0 || kTakes<T, Anything, n, 0>)
    return n;
  else
    return count_elements<T, n - 1>();
}
// How many elements the member has that begins at element `at` of `all`: more than one is an array.
template <class T, std::size_t at, std::size_t all, std::size_t after = all - at - 1>
consteval std::size_t elements_of_member() {
  if constexpr (takes_braces_between<T>(std::make_index_sequence<at>(), std::make_index_sequence<after>()))
    return all - at - after;
  else if constexpr (after == 0)
    return 1;  // cannot be made from {}, and so could not be decoded if it were an array
  else
    return elements_of_member<T, at, all, after - 1>();
}
template <class T, std::size_t all, std::size_t at = 0>
consteval std::size_t count_members() {
  if constexpr (at == all)
    return 0;
  else
    return 1 + count_members<T, all, at + elements_of_member<T, at, all>()>();
}

// The first initialisers are those of bases. Who takes Nothing there takes whatever comes, and is a member.
template <class T, bool kOnlyEmpty, std::size_t elements, std::size_t n = 0>
consteval std::size_t count_bases() {
  constexpr std::size_t rest = elements > n ? elements - n - 1 : 0;
  using Base = AnyBase<T, kOnlyEmpty>;
  if constexpr (kTakes<T, Base, n + 1, rest> && !kTakes<T, Base, n, rest, Nothing>)
    return count_bases<T, kOnlyEmpty, elements, n + 1>();
  else
    return n;
}

struct Arity {
  std::size_t members = 0;  // 0: cannot be taken apart
  std::size_t bases = 0;
  bool data_in_bases = false;
};
template <class T, std::size_t initialisers, std::size_t elements>
consteval Arity arity_without_bases() {
  constexpr std::size_t bases = count_bases<T, false, elements>();
  return {initialisers - bases, bases, bases != count_bases<T, true, elements>()};
}

template <class T>
concept HasOwnBindings = requires {
  std::tuple_size<T>::value;
};

// Two ways, as neither {} nor Anything initialises every member: {} where all have a default, else Anything.
template <class T>
consteval Arity find_arity() {
  if constexpr (HasOwnBindings<T>) {
    return {};
  } else {
    constexpr std::size_t braces = count_braces<T>();
    if constexpr (braces != 0 && !takes_braces<T, braces, Anything>()) {
      return arity_without_bases<T, braces, 0>();
    } else {
      constexpr std::size_t elements = count_elements<T, kMaxMembers + 1>();
      if constexpr (elements == 0 || elements > kMaxMembers)
        return {};
      else
        return arity_without_bases<T, count_members<T, elements>(), elements>();
    }
  }
}
template <class T>
inline constexpr Arity kArity = find_arity<T>();

// Calls f with all members. A bit-field becomes a temporary of its type.
template <class T, class F>
constexpr decltype(auto) with_members(const T& value, F&& f) {
  constexpr std::size_t n = kArity<T>.members;
#define DROVER_CASE(arity, ...)        \
  if constexpr (n == arity) {          \
    const auto& [__VA_ARGS__] = value; \
    return f(__VA_ARGS__);             \
  }
  DROVER_ARITIES(DROVER_CASE)
#undef DROVER_CASE
}

// Types<…> of the members as they are declared.
template <class T>
constexpr auto list_members(T& value) {
  constexpr std::size_t n = kArity<T>.members;
#define DROVER_TYPE(member) +Types<decltype(member)>()
#define DROVER_CASE(arity, ...)                             \
  if constexpr (n == arity) {                               \
    [[maybe_unused]] auto& [__VA_ARGS__] = value;           \
    return Types<>() DROVER_EACH(DROVER_TYPE, __VA_ARGS__); \
  }
  DROVER_ARITIES(DROVER_CASE)
#undef DROVER_CASE
#undef DROVER_TYPE
}
template <class T>
using Members = decltype(list_members(std::declval<T&>()));

template <class T, std::size_t n>
void decode_array(Decoder& in, T (&array)[n]);

// Decodes into the members of a value that exists: the way for C arrays, which no function can return.
template <class T>
void assign_members(Decoder& in, T& value) {
  constexpr std::size_t n = kArity<T>.members;
#define DROVER_ASSIGN(member)                      \
  if constexpr (std::is_array_v<decltype(member)>) \
    decode_array(in, member);                      \
  else                                             \
    member = in.template value<decltype(member)>();
#define DROVER_CASE(arity, ...)             \
  if constexpr (n == arity) {               \
    auto& [__VA_ARGS__] = value;            \
    DROVER_EACH(DROVER_ASSIGN, __VA_ARGS__) \
  }
  DROVER_ARITIES(DROVER_CASE)
#undef DROVER_CASE
#undef DROVER_ASSIGN
}

#undef DROVER_ARITIES
#undef DROVER_EACH_NEXT
#undef DROVER_EACH_STEP
#undef DROVER_EACH
#undef DROVER_SCAN_16
#undef DROVER_SCAN_4
#undef DROVER_SCAN_1
#undef DROVER_PARENS

}  // namespace drover::detail
