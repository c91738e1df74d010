// How a call becomes the bytes of a task.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <drover/codec.hpp>
#include <drover/detail/arguments.hpp>
#include <drover/detail/task.hpp>
#include <drover/function.hpp>

namespace drover::detail {

template <auto F>
using ResultOf = typename Signature<F>::Result;
template <auto F>
inline constexpr std::size_t arity = Signature<F>::Parameters::size;

// Its number in this process and its workers. Throws NotTransportable: see function_number.
template <auto F>
std::uint32_t number_of() {
  const FunctionEntry& entry = Registered<F>::entry;
  return entry.number != FunctionEntry::kNoNumber ? entry.number : function_number(entry);
}

// The byte before the arguments: see worker/slots/cpu.cpp.
inline constexpr char kNamed = 1;

inline void prepare(Task& task, std::string_view name) {
  if (name.empty()) {
    *task.bytes.grow(1) = 0;
    return;
  }
  *task.bytes.grow(1) = kNamed;
  Encoder encoder(task.bytes);
  encoder.count(name.size());
  encoder.bytes(name.data(), name.size());
}

template <auto F, class... A>
void encode_call(Task& task, const A&... args) {
  static_assert(sizeof...(A) == arity<F>, "drover: this function takes another number of arguments");
  std::vector<std::shared_ptr<SharedSegment>> segments;
  Encoder encoder(task.bytes, &segments);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (encode_argument<Element<I, typename Signature<F>::Parameters>>(encoder, args), ...);
  }
  (std::make_index_sequence<sizeof...(A)>());
  if (!segments.empty()) task.more().segments = std::move(segments);
}

}  // namespace drover::detail
