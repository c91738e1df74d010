// How C++ functions become tasks: give them a name with DROVER_FUNCTION, in a plugin or in the worker itself.
//
//   std::int64_t count_primes(std::int64_t from, std::int64_t to);
//   DROVER_FUNCTION(count_primes)
//
// Parameters: bool, integers, floating point, std::string, and drover::Context& wherever it is wanted.
// Result: one of these or void; it becomes the task's standard output, followed by a newline. An exception
// makes the task fail. A function runs in a worker process of its own kind, one call at a time; it may use
// all that a process may use.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/ids.hpp"
#include "common/value.hpp"

namespace drover {

// What a running function knows of its attempt. Valid during the call, on the calling thread.
class Context {
 public:
  virtual ~Context() = default;
  // `done` of `total` units; costs a few stores, no system call. The text is cut at 64 bytes.
  virtual void progress(std::uint64_t done, std::uint64_t total, std::string_view text = {}) = 0;
  // True once somebody wants this attempt to end. It is ended by force when it does not return within its
  // grace.
  [[nodiscard]] virtual bool stop_requested() const = 0;
  [[nodiscard]] virtual TaskId task() const = 0;
  [[nodiscard]] virtual Attempt attempt() const = 0;
  [[nodiscard]] virtual SlotNumber slot() const = 0;
};

// The arguments do not fit the function's parameters.
class ArgumentMismatch : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Calls the function with decoded arguments and returns its result as text. Throws what the function throws,
// and ArgumentMismatch when the arguments do not fit.
using FunctionThunk = std::string (*)(const std::vector<Value>& args, Context& context);

// Before the worker's loop starts (static initialisers are the place). A second function of a name ends the
// worker. `parameters` tells people what to write, as in "(integer, text)".
bool register_function(std::string name, std::string parameters, FunctionThunk thunk);

namespace function_detail {

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
T argument(const std::vector<Value>& args, std::size_t index) {
  const Value& value = args[index];
  if constexpr (std::is_same_v<T, bool>) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  } else if constexpr (std::is_integral_v<T>) {
    if (const auto* number = std::get_if<std::int64_t>(&value);
        number != nullptr && std::in_range<T>(*number))
      return static_cast<T>(*number);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (const auto* number = std::get_if<double>(&value)) return static_cast<T>(*number);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<T>(*whole);
  } else {
    static_assert(std::is_same_v<T, std::string>,
                  "a parameter of a named function is bool, an integer, floating point or std::string");
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
  }
  throw ArgumentMismatch(fmt::format("argument {} is not {} {} that fits", index + 1,
                                     word_for<T>()[0] == 'i' ? "an" : "a", word_for<T>()));
}

template <class T>
std::string text_of(const T& result) {
  if constexpr (std::is_same_v<T, std::string>)
    return result;
  else
    return fmt::format("{}", result);
}

template <class F>
struct Traits;
template <class R, class... A>
struct Traits<R (*)(A...)> {
  using Returned = R;
  using Arguments = std::tuple<A...>;
};
template <class R, class... A>
struct Traits<R (*)(A...) noexcept> : Traits<R (*)(A...)> {};

template <class A>
inline constexpr bool is_context = std::is_same_v<std::remove_cvref_t<A>, Context>;

// Position of parameter I among those that are no Context.
template <class Arguments, std::size_t I>
constexpr std::size_t value_index() {
  return []<std::size_t... J>(std::index_sequence<J...>) {
    return (std::size_t{0} + ... + (is_context<std::tuple_element_t<J, Arguments>> ? 0U : 1U));
  }
  (std::make_index_sequence<I>());
}

template <class A, std::size_t Index>
decltype(auto) pass(const std::vector<Value>& args, Context& context) {
  if constexpr (is_context<A>)
    return static_cast<Context&>(context);
  else
    return argument<std::remove_cvref_t<A>>(args, Index);
}

template <auto F>
std::string call(const std::vector<Value>& args, Context& context) {
  using T = Traits<decltype(F)>;
  using Arguments = typename T::Arguments;
  constexpr std::size_t kParameters = std::tuple_size_v<Arguments>;
  constexpr std::size_t kValues = value_index<Arguments, kParameters>();
  if (args.size() != kValues)
    throw ArgumentMismatch(
        fmt::format("takes {} argument{}, got {}", kValues, kValues == 1 ? "" : "s", args.size()));
  return [&]<std::size_t... I>(std::index_sequence<I...>)->std::string {
    if constexpr (std::is_void_v<typename T::Returned>) {
      F(pass<std::tuple_element_t<I, Arguments>, value_index<Arguments, I>()>(args, context)...);
      return {};
    } else {
      return text_of(
                 F(pass<std::tuple_element_t<I, Arguments>, value_index<Arguments, I>()>(args, context)...)) +
             "\n";
    }
  }
  (std::make_index_sequence<kParameters>());
}

template <class A>
void append_parameter(std::string& text) {
  using T = std::remove_cvref_t<A>;
  if constexpr (!is_context<T>) text += (text.empty() ? "" : ", ") + std::string(word_for<T>());
}

template <auto F>
std::string parameters() {
  using Arguments = typename Traits<decltype(F)>::Arguments;
  std::string text;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (append_parameter<std::tuple_element_t<I, Arguments>>(text), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Arguments>>());
  return "(" + text + ")";
}

}  // namespace function_detail
}  // namespace drover

#define DROVER_FUNCTION(function) DROVER_FUNCTION_AS(#function, function)
#define DROVER_FUNCTION_AS(name, function)                                                  \
  [[maybe_unused]] static const bool drover_registered_##function =                         \
      ::drover::register_function(name, ::drover::function_detail::parameters<&function>(), \
                                  &::drover::function_detail::call<&function>);
