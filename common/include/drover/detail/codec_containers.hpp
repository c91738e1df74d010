// How strings and containers travel: the number of elements, then each; in one go where their bytes are their
// values.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <drover/codec.hpp>
#include <drover/detail/codec_check.hpp>
#include <drover/detail/codec_layout.hpp>
#include <drover/detail/codec_standard.hpp>

namespace drover::detail {

template <class T>
void encode_element(Encoder& out, const T& element) {
  const std::size_t began = CodecAccess::position(out);
  out.value(element);
  if constexpr (kLeast<T> == 0) CodecAccess::count_empty(out, began);
}
template <class T>
T decode_element(Decoder& in) {
  if constexpr (kLeast<T> != 0) {
    return in.value<T>();
  } else {
    const std::size_t began = in.left();
    T element = in.value<T>();
    CodecAccess::count_empty(in, began);
    return element;
  }
}

// How many elements follow. What the bytes that are left cannot hold is refused before anything is made of
// it.
template <std::size_t least>
std::size_t decode_size(Decoder& in) {
  const std::uint64_t size = in.count();
  if (least != 0 && size > in.left() / least)
    fail_decoding("expected " + std::to_string(size) + " elements, " + std::to_string(in.left()) +
                  " bytes are left");
  return size;
}
// For how many of them to make room at once: an element may take fewer bytes here than in memory.
template <class T>
std::size_t room_for(const Decoder& in, std::size_t size) {
  return std::min(size, std::max<std::size_t>(in.left() / sizeof(T), 16));
}

template <class Range>
void encode_range(Encoder& out, const Range& range, std::size_t size) {
  using T = std::remove_cv_t<typename Range::value_type>;
  out.count(size);
  if constexpr (kBitwise<T> && requires { range.data(); })
    out.bytes(range.data(), size * sizeof(T));
  else
    for (const auto& element : range) encode_element<T>(out, element);
}

// Resizable containers with contiguous elements.
template <class Container>
Container decode_contiguous(Decoder& in) {
  using T = typename Container::value_type;
  const auto size = decode_size<kLeast<T>>(in);
  Container container;
  if constexpr (kBitwise<T> && std::is_default_constructible_v<T>) {
    const char* const from = in.bytes(size * sizeof(T));
    container.resize(size);
    if (size != 0) std::memcpy(static_cast<void*>(container.data()), from, size * sizeof(T));
  } else {
    container.reserve(room_for<T>(in, size));
    for (std::size_t i = 0; i < size; ++i) container.push_back(decode_element<T>(in));
  }
  return container;
}

// Bits lie eight in a byte, the first in the lowest place; what is left of the last byte is 0.
template <class Bits>
void encode_bits(Encoder& out, const Bits& bits, std::size_t size) {
  for (std::size_t i = 0; i < size; i += 8) {
    unsigned byte = 0;
    for (std::size_t j = i; j < std::min(i + 8, size); ++j) byte |= unsigned{bits[j]} << (j - i);
    const auto packed = static_cast<unsigned char>(byte);
    out.bytes(&packed, 1);
  }
}
template <class Bits>
void decode_bits(Decoder& in, Bits& bits, std::size_t size) {
  const char* const from = in.bytes(size / 8 + (size % 8 != 0));
  for (std::size_t i = 0; i < size; ++i)
    bits[i] = (static_cast<unsigned char>(from[i / 8]) >> i % 8 & 1) != 0;
  if (size % 8 != 0 && static_cast<unsigned char>(from[size / 8]) >> size % 8 != 0)
    fail_decoding("expected " + std::to_string(size) + " bits and then none");
}

template <class C, class Traits, class Alloc>
struct Standard<std::basic_string<C, Traits, Alloc>> {
  using Parts = Types<C>;
  static constexpr std::size_t kLeast = 1;
  using String = std::basic_string<C, Traits, Alloc>;

  static void encode(Encoder& out, const String& text) { encode_range(out, text, text.size()); }
  static String decode(Decoder& in) {
    if constexpr (sizeof(C) == 1) {
      const auto size = decode_size<1>(in);
      if constexpr (std::is_same_v<C, char>) return String(in.bytes(size), size);
      String text;
      text.resize(size);
      std::memcpy(text.data(), in.bytes(size), size);
      return text;
    } else {
      return decode_contiguous<String>(in);
    }
  }
};

template <class T, class Alloc>
struct Standard<std::vector<T, Alloc>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;
  using Vector = std::vector<T, Alloc>;

  static void encode(Encoder& out, const Vector& vector) { encode_range(out, vector, vector.size()); }
  static Vector decode(Decoder& in) { return decode_contiguous<Vector>(in); }
};
template <class Alloc>
struct Standard<std::vector<bool, Alloc>> {
  using Parts = Types<>;
  static constexpr std::size_t kLeast = 1;
  using Vector = std::vector<bool, Alloc>;

  static void encode(Encoder& out, const Vector& vector) {
    out.count(vector.size());
    encode_bits(out, vector, vector.size());
  }
  static Vector decode(Decoder& in) {
    const std::uint64_t size = in.count();
    if (size / 8 + (size % 8 != 0) > in.left())
      fail_decoding("expected " + std::to_string(size) + " bits, " + std::to_string(in.left()) +
                    " bytes are left");
    Vector vector(size);
    decode_bits(in, vector, size);
    return vector;
  }
};

template <std::size_t n>
struct Standard<std::bitset<n>> {
  using Parts = Types<>;
  static constexpr std::size_t kLeast = n / 8 + (n % 8 != 0);

  static void encode(Encoder& out, const std::bitset<n>& bits) { encode_bits(out, bits, n); }
  static std::bitset<n> decode(Decoder& in) {
    std::bitset<n> bits;
    decode_bits(in, bits, n);
    return bits;
  }
};

// Can be encoded only: std::string and std::vector are what comes out.
template <class C, class Traits>
struct Standard<std::basic_string_view<C, Traits>> {
  static void encode(Encoder& out, const std::basic_string_view<C, Traits>& text) {
    encode_range(out, text, text.size());
  }
};
template <class T, std::size_t n>
struct Standard<std::span<T, n>> {
  static void encode(Encoder& out, const std::span<T, n>& span) {
    if constexpr (std::is_same_v<std::remove_cv_t<T>, bool>) {
      out.count(span.size());
      encode_bits(out, span, span.size());
    } else {
      encode_range(out, span, span.size());
    }
  }
};

template <class T, class Alloc>
struct Standard<std::deque<T, Alloc>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;
  using Deque = std::deque<T, Alloc>;

  static void encode(Encoder& out, const Deque& deque) { encode_range(out, deque, deque.size()); }
  static Deque decode(Decoder& in) {
    Deque deque;
    for (auto left = decode_size<detail::kLeast<T>>(in); left > 0; --left)
      deque.push_back(decode_element<T>(in));
    return deque;
  }
};
template <class T, class Alloc>
struct Standard<std::list<T, Alloc>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;
  using List = std::list<T, Alloc>;

  static void encode(Encoder& out, const List& list) { encode_range(out, list, list.size()); }
  static List decode(Decoder& in) {
    List list;
    for (auto left = decode_size<detail::kLeast<T>>(in); left > 0; --left)
      list.push_back(decode_element<T>(in));
    return list;
  }
};
template <class T, class Alloc>
struct Standard<std::forward_list<T, Alloc>> {
  using Parts = Types<T>;
  static constexpr std::size_t kLeast = 1;
  using List = std::forward_list<T, Alloc>;

  static void encode(Encoder& out, const List& list) {
    encode_range(out, list, static_cast<std::size_t>(std::distance(list.begin(), list.end())));
  }
  static List decode(Decoder& in) {
    List list;
    auto last = list.before_begin();
    for (auto left = decode_size<detail::kLeast<T>>(in); left > 0; --left)
      last = list.insert_after(last, decode_element<T>(in));
    return list;
  }
};

// Sets and maps. A key that comes twice where there can be one is refused; an order that is not the
// container's is not.
template <class Container, class... Part>
struct Keyed {
  using Parts = Types<Part...>;
  static constexpr std::size_t kLeast = 1;

  static void encode(Encoder& out, const Container& container) {
    out.count(container.size());
    for (const auto& element : container) {
      const std::size_t began = CodecAccess::position(out);
      if constexpr (sizeof...(Part) == 1) {
        out.value(element);
      } else {
        out.value(element.first);
        out.value(element.second);
      }
      CodecAccess::count_empty(out, began);
    }
  }
  static Container decode(Decoder& in) {
    const auto size = decode_size<sum_of_least(Parts())>(in);
    Container container;
    if constexpr (requires { container.reserve(size); })
      container.reserve(room_for<typename Container::value_type>(in, size));
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t began = CodecAccess::position(in);
      std::tuple<Part...> element{in.value<Part>()...};
      CodecAccess::count_empty(in, began);
      std::apply([&](Part&... part) { container.emplace_hint(container.end(), std::move(part)...); },
                 element);
      if (container.size() != i + 1) fail_decoding("expected each key once");
    }
    return container;
  }
};
template <class K, class Less, class Alloc>
struct Standard<std::set<K, Less, Alloc>> : Keyed<std::set<K, Less, Alloc>, K> {};
template <class K, class Less, class Alloc>
struct Standard<std::multiset<K, Less, Alloc>> : Keyed<std::multiset<K, Less, Alloc>, K> {};
template <class K, class V, class Less, class Alloc>
struct Standard<std::map<K, V, Less, Alloc>> : Keyed<std::map<K, V, Less, Alloc>, K, V> {};
template <class K, class V, class Less, class Alloc>
struct Standard<std::multimap<K, V, Less, Alloc>> : Keyed<std::multimap<K, V, Less, Alloc>, K, V> {};
template <class K, class Hash, class Equal, class Alloc>
struct Standard<std::unordered_set<K, Hash, Equal, Alloc>>
    : Keyed<std::unordered_set<K, Hash, Equal, Alloc>, K> {};
template <class K, class Hash, class Equal, class Alloc>
struct Standard<std::unordered_multiset<K, Hash, Equal, Alloc>>
    : Keyed<std::unordered_multiset<K, Hash, Equal, Alloc>, K> {};
template <class K, class V, class Hash, class Equal, class Alloc>
struct Standard<std::unordered_map<K, V, Hash, Equal, Alloc>>
    : Keyed<std::unordered_map<K, V, Hash, Equal, Alloc>, K, V> {};
template <class K, class V, class Hash, class Equal, class Alloc>
struct Standard<std::unordered_multimap<K, V, Hash, Equal, Alloc>>
    : Keyed<std::unordered_multimap<K, V, Hash, Equal, Alloc>, K, V> {};

}  // namespace drover::detail
