#include "common/value.hpp"

#include <string_view>

#include "common/wire.hpp"

namespace drover {
namespace {

// The values are part of the lane's format: append only.
enum class Tag : std::uint8_t { Bool = 0, Integer = 1, Real = 2, Text = 3 };

constexpr std::size_t kLeastValueBytes = 2;  // a tag and a bool

void put_value(WireWriter& out, const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    out.put(Tag::Bool);
    out.put(static_cast<std::uint8_t>(*flag ? 1 : 0));
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out.put(Tag::Integer);
    out.put(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out.put(Tag::Real);
    out.put(*real);
  } else {
    out.put(Tag::Text);
    out.put_string(std::get<std::string>(value));
  }
}

Value get_value(WireReader& in) {
  switch (static_cast<Tag>(in.get<std::uint8_t>())) {
    case Tag::Bool: {
      // A byte other than 0 and 1 must not become a bool: that would be undefined behaviour further on.
      const auto byte = in.get<std::uint8_t>();
      if (byte > 1) in.fail();
      return byte == 1;
    }
    case Tag::Integer:
      return in.get<std::int64_t>();
    case Tag::Real:
      return in.get<double>();
    case Tag::Text:
      return in.get_string();
  }
  in.fail();
  return false;
}

}  // namespace

std::string encode_values(const std::vector<Value>& values) {
  WireWriter out;
  out.put(static_cast<std::uint32_t>(values.size()));
  for (const Value& value : values) put_value(out, value);
  return out.take_bytes();
}

bool decode_values(std::string_view bytes, std::vector<Value>& values) {
  values.clear();
  WireReader in(bytes);
  const std::uint32_t count = in.get_count(kLeastValueBytes);
  values.reserve(count);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) values.push_back(get_value(in));
  return in.done();
}

}  // namespace drover
