// There and back for values, and bytes as a liar would write them.
#pragma once

#include <drover/codec.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

namespace drover {

template <class T>
std::string encoded(const T& value) {
  detail::SmallBuffer buffer;
  Encoder(buffer).value(value);
  return std::string(buffer.view());
}

template <class T>
T decoded(std::string_view bytes) {
  Decoder decoder(bytes);
  T value = decoder.value<T>();
  decoder.finish();
  return value;
}

template <class T>
T there_and_back(const T& value) {
  return decoded<T>(encoded(value));
}

inline std::string bytes_of(std::initializer_list<unsigned> bytes) {
  std::string text;
  for (const unsigned byte : bytes) text += static_cast<char>(byte);
  return text;
}

// A number as Encoder::count writes it.
inline std::string count_of(std::uint64_t number) {
  detail::SmallBuffer buffer;
  Encoder(buffer).count(number);
  return std::string(buffer.view());
}

}  // namespace drover
