// What DROVER_FUNCTION makes of a function: a call with values as job files write them. Not for users.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <drover/context.hpp>
#include <drover/detail/signature.hpp>
#include <drover/detail/value.hpp>

namespace drover {

// The arguments do not fit the function's parameters.
class ArgumentMismatch : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Calls the function with decoded arguments and returns its result as text. Throws what the function throws,
// and ArgumentMismatch when the arguments do not fit.
using FunctionThunk = std::string (*)(const std::vector<detail::JobValue>& args, Context& context);

// Before anybody asks for the list of functions (static initialisers are the place); later ones are not
// known, which it tells by false. A second function of a name ends the program. `parameters` tells people
// what to write, as in "(integer, text)".
bool register_function(std::string name, std::string parameters, FunctionThunk thunk);

namespace detail {

// Throw ArgumentMismatch. `number` from 1.
[[noreturn]] void refuse_argument(std::size_t number, std::string_view word);
[[noreturn]] void refuse_count(std::size_t takes, std::size_t got);
std::string text_of_number(std::int64_t number);
std::string text_of_number(std::uint64_t number);
std::string text_of_number(float number);
std::string text_of_number(double number);
std::string text_of_number(long double number);

template <class T>
constexpr const char* word_for() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_integral_v<T>)
    return "integer";
  else if constexpr (std::is_floating_point_v<T>)
    return "number";
  else
    return "text";
}

template <class T>
T argument(const std::vector<JobValue>& args, std::size_t index) {
  static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::string>,
                "a parameter of a named function is bool, an integer, floating point or std::string");
  const JobValue& value = args[index];
  if constexpr (std::is_same_v<T, bool>) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  } else if constexpr (std::is_integral_v<T>) {
    // What is no integer to the standard library is compared by the integer of its size.
    using Ranged = std::conditional_t<std::is_signed_v<T>, std::make_signed_t<T>, std::make_unsigned_t<T>>;
    if (const auto* number = std::get_if<std::int64_t>(&value);
        number != nullptr && std::in_range<Ranged>(*number))
      return static_cast<T>(*number);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (const auto* number = std::get_if<double>(&value)) return static_cast<T>(*number);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<T>(*whole);
  } else {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
  }
  refuse_argument(index + 1, word_for<T>());
}

template <class T>
std::string text_of(const T& result) {
  if constexpr (std::is_same_v<T, bool>) {
    return result ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    return std::string(1, result);
  } else if constexpr (std::is_integral_v<T>) {
    return text_of_number(
        static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(result));
  } else if constexpr (std::is_floating_point_v<T>) {
    return text_of_number(result);
  } else {
    static_assert(std::is_convertible_v<const T&, std::string_view>,
                  "the result of a named function is bool, an integer, floating point, std::string or void");
    return std::string(std::string_view(result));
  }
}

template <class A, std::size_t Index>
decltype(auto) pass_value(const std::vector<JobValue>& args, Context& context) {
  if constexpr (is_context<A>)
    return static_cast<Context&>(context);
  else
    return argument<std::remove_cvref_t<A>>(args, Index);
}

template <auto F>
std::string call_named(const std::vector<JobValue>& args, Context& context) {
  using S = Signature<F>;
  using All = typename S::All;
  if (args.size() != S::Parameters::size) refuse_count(S::Parameters::size, args.size());
  return [&]<std::size_t... I>(std::index_sequence<I...>)->std::string {
    if constexpr (std::is_void_v<typename S::Result>) {
      F(pass_value<Element<I, All>, value_index<All, I>>(args, context)...);
      return {};
    } else {
      return text_of(F(pass_value<Element<I, All>, value_index<All, I>>(args, context)...)) + "\n";
    }
  }
  (std::make_index_sequence<All::size>());
}

// "(integer, text)"
template <auto F>
std::string word_list() {
  using P = typename Signature<F>::Parameters;
  std::string text;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((text += (I == 0 ? "" : ", ") + std::string(word_for<std::remove_cvref_t<Element<I, P>>>())), ...);
  }
  (std::make_index_sequence<P::size>());
  return "(" + text + ")";
}

}  // namespace detail
}  // namespace drover
