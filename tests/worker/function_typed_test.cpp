// What stands between a task's bytes and the call of its function.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/worker/function_fixture.hpp"

namespace drover::test {
namespace {

struct FakeContext final : Context {
  void progress(std::uint64_t, std::uint64_t, std::string_view) override {}
  [[nodiscard]] bool stop_requested() const override { return false; }
  [[nodiscard]] std::stop_token stop_token() override { return {}; }
  [[nodiscard]] std::uint64_t task() const override { return 7; }
  [[nodiscard]] std::string_view name() const override { return "seven"; }
  [[nodiscard]] std::uint32_t attempt() const override { return 1; }
  [[nodiscard]] std::uint32_t slot() const override { return 1; }
  [[nodiscard]] std::uint64_t seed() const override { return 1; }
};

// Through the entry, as a worker does it.
template <auto F, class... A>
auto call(const A&... arguments) {
  detail::SmallBuffer bytes, result;
  Segments none;
  encode_call<F>(bytes, none, arguments...);
  Decoder decoder(bytes.view());
  FakeContext context;
  detail::Registered<F>::entry.thunk(decoder, context, result);
  using R = typename detail::Signature<F>::Result;
  if constexpr (std::is_void_v<R>) {
    CHECK(result.size() == 0);
  } else {
    Decoder back(result.view());
    R value = back.template value<R>();
    back.finish();
    return value;
  }
}

int calls = 0;

std::string in_order(int first, Context& context, const std::string& second, std::vector<double>&& third,
                     const Context& again) {
  ++calls;
  return std::to_string(first) + second + std::to_string(third.size()) + std::string(context.name()) +
         std::to_string(again.task());
}
void nothing() noexcept {
  ++calls;
}
struct Room {
  static int doubled(int number) { return 2 * number; }
};
struct Scaled {
  int factor;
  constexpr int operator()(int number) const noexcept { return factor * number; }
};
double sum(std::span<const double> numbers) {
  double total = 0;
  for (const double each : numbers) total += each;
  return total;
}
std::unique_ptr<int> passed_on(std::unique_ptr<int> number) {
  return number;
}

template <auto F>
using ParametersOf = typename detail::Signature<F>::Parameters;
static_assert(std::is_same_v<ParametersOf<&in_order>,
                             detail::TypeList<int, const std::string&, std::vector<double>&&>>);
static_assert(std::is_same_v<detail::Signature<&nothing>::Result, void>);
static_assert(std::is_same_v<detail::Signature<Scaled{2}>::Result, int>);

}  // namespace

TEST_CASE("arguments come in their order, and the context wherever it is wanted") {
  CHECK(call<&in_order>(1, "two", std::vector<double>(3)) == "1two3seven7");
}

TEST_CASE("functions of every shape can be called") {
  CHECK(call<&Room::doubled>(21) == 42);
  CHECK(call<[](int x) { return x + 1; }>(41) == 42);
  CHECK(call<Scaled{6}>(7) == 42);
  CHECK(call<Scaled{7}>(7) == 49);
  CHECK(call<&sum>(std::vector<double>{40, 2}) == 42);
  CHECK(*call<&passed_on>(std::make_unique<int>(42)) == 42);
  calls = 0;
  call<&nothing>();
  CHECK(calls == 1);
}

TEST_CASE("a function is not called with fewer bytes than its arguments take, nor with more") {
  detail::SmallBuffer whole;
  Segments none;
  encode_call<&in_order>(whole, none, 1, "two", std::vector<double>(3));
  FakeContext context;
  detail::SmallBuffer result;
  calls = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Decoder cut(whole.view().substr(0, size));
    CHECK_THROWS_AS(detail::Registered<&in_order>::entry.thunk(cut, context, result), DecodeError);
  }
  whole.append("x", 1);
  Decoder longer(whole.view());
  CHECK_THROWS_AS(detail::Registered<&in_order>::entry.thunk(longer, context, result), DecodeError);
  CHECK(calls == 0);
}

}  // namespace drover::test
