// What a function takes and returns, told at compile time. Not for users.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

#include <drover/context.hpp>

namespace drover::detail {

template <class... T>
struct TypeList {
  static constexpr std::size_t size = sizeof...(T);
};

template <std::size_t I, class List>
struct ElementOf;
template <std::size_t I, class... T>
struct ElementOf<I, TypeList<T...>> : std::tuple_element<I, std::tuple<T...>> {};
template <std::size_t I, class List>
using Element = typename ElementOf<I, List>::type;

template <class A>
inline constexpr bool is_context = std::is_same_v<std::remove_cvref_t<A>, Context>;

template <class... List>
struct Joined {
  using type = TypeList<>;
};
template <class... A, class... B, class... Rest>
struct Joined<TypeList<A...>, TypeList<B...>, Rest...> : Joined<TypeList<A..., B...>, Rest...> {};
template <class... A>
struct Joined<TypeList<A...>> {
  using type = TypeList<A...>;
};

template <class T>
struct CallOf {
  static constexpr bool known = false;
};
template <class R, class... A>
struct CallOf<R(A...)> {
  static constexpr bool known = true;
  using Returned = R;
  using All = TypeList<A...>;
  using Parameters =
      typename Joined<TypeList<>, std::conditional_t<is_context<A>, TypeList<>, TypeList<A>>...>::type;
};
template <class R, class... A>
struct CallOf<R (*)(A...)> : CallOf<R(A...)> {};
template <class R, class... A>
struct CallOf<R (*)(A...) noexcept> : CallOf<R(A...)> {};
template <class R, class T, class... A>
struct CallOf<R (T::*)(A...) const> : CallOf<R(A...)> {};
template <class R, class T, class... A>
struct CallOf<R (T::*)(A...) const noexcept> : CallOf<R(A...)> {};

// Of a pointer: what it points to. Of an object: its operator(), which must be one and const, as the object
// is a constant.
template <class F>
consteval auto call_of() {
  if constexpr (std::is_pointer_v<F>)
    return CallOf<F>{};
  else if constexpr (std::is_class_v<F> && requires { &F::operator(); })
    return CallOf<decltype(&F::operator())>{};
  else
    return CallOf<void>{};
}

// Of a function pointer, a static member, a captureless lambda or a constexpr functor.
template <auto F>
struct Signature {
  using Call = decltype(call_of<std::remove_cv_t<decltype(F)>>());
  static_assert(Call::known,
                "drover: a task is a free function, a static member function, a captureless lambda or a "
                "constexpr object with "
                "one const operator() that is no template; wrap anything else in a lambda");
  using Result = std::remove_cv_t<typename Call::Returned>;
  using All = typename Call::All;                // every parameter
  using Parameters = typename Call::Parameters;  // those that are no Context
};

// Position of parameter I among those that are no Context.
template <class List, std::size_t I>
inline constexpr std::size_t value_index = value_index<List, I - 1> +
                                           (is_context<Element<I - 1, List>> ? 0 : 1);
template <class List>
inline constexpr std::size_t value_index<List, 0> = 0;

}  // namespace drover::detail
