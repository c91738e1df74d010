#include "common/exception_wire.hpp"

#include <cxxabi.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <any>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "common/wire.hpp"

namespace drover {
namespace {

// A record of one byte: the standard type and this bit. It needs no memory.
constexpr std::uint8_t kTypeAlone = 0x80;

struct Standard {
  StandardType type;
  const char* name;
  bool (*is)(const std::exception&);
};

template <class T>
bool is(const std::exception& thrown) {
  return dynamic_cast<const T*>(&thrown) != nullptr;
}

// What is derived stands before its base: the first that fits is the nearest.
constexpr Standard kStandard[] = {
    {StandardType::InvalidArgument, "std::invalid_argument", is<std::invalid_argument>},
    {StandardType::DomainError, "std::domain_error", is<std::domain_error>},
    {StandardType::LengthError, "std::length_error", is<std::length_error>},
    {StandardType::OutOfRange, "std::out_of_range", is<std::out_of_range>},
    {StandardType::FutureError, "std::future_error", is<std::future_error>},
    {StandardType::LogicError, "std::logic_error", is<std::logic_error>},
    {StandardType::FilesystemError, "std::filesystem::filesystem_error",
     is<std::filesystem::filesystem_error>},
    {StandardType::IosFailure, "std::ios_base::failure", is<std::ios_base::failure>},
    {StandardType::SystemError, "std::system_error", is<std::system_error>},
    {StandardType::RegexError, "std::regex_error", is<std::regex_error>},
    {StandardType::RangeError, "std::range_error", is<std::range_error>},
    {StandardType::OverflowError, "std::overflow_error", is<std::overflow_error>},
    {StandardType::UnderflowError, "std::underflow_error", is<std::underflow_error>},
    {StandardType::RuntimeError, "std::runtime_error", is<std::runtime_error>},
    {StandardType::BadArrayNewLength, "std::bad_array_new_length", is<std::bad_array_new_length>},
    {StandardType::BadAlloc, "std::bad_alloc", is<std::bad_alloc>},
    {StandardType::BadAnyCast, "std::bad_any_cast", is<std::bad_any_cast>},
    {StandardType::BadCast, "std::bad_cast", is<std::bad_cast>},
    {StandardType::BadTypeid, "std::bad_typeid", is<std::bad_typeid>},
    {StandardType::BadException, "std::bad_exception", is<std::bad_exception>},
    {StandardType::BadFunctionCall, "std::bad_function_call", is<std::bad_function_call>},
    {StandardType::BadOptionalAccess, "std::bad_optional_access", is<std::bad_optional_access>},
    {StandardType::BadVariantAccess, "std::bad_variant_access", is<std::bad_variant_access>},
    {StandardType::BadWeakPtr, "std::bad_weak_ptr", is<std::bad_weak_ptr>},
    {StandardType::Exception, "std::exception", [](const std::exception&) { return true; }},
};

StandardType nearest(const std::exception& thrown) {
  return std::ranges::find_if(kStandard, [&](const Standard& each) { return each.is(thrown); })->type;
}

const char* name_of(StandardType type) {
  for (const Standard& each : kStandard)
    if (each.type == type) return each.name;
  return "an exception";
}

std::string bounded(std::string_view text) {
  return std::string(text.substr(0, kMostExceptionText));
}
std::string bounded(const char* text) {
  return text == nullptr ? std::string() : std::string(text, ::strnlen(text, kMostExceptionText));
}

void replace_all(std::string& text, std::string_view old, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += with.size())
    text.replace(at, old.size(), with);
}

// As its author would write it: without the library's inner namespaces and wrappers.
std::string type_name(const std::type_info* type) {
  if (type == nullptr) return "an exception of another language";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  std::string name = bounded(status == 0 ? demangled.get() : type->name());
  replace_all(name, "__cxx11::", "");
  replace_all(name, "[abi:cxx11]", "");
  replace_all(name, "std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string");
  constexpr std::string_view kNested = "std::_Nested_exception<";  // what std::throw_with_nested makes of it
  if (name.starts_with(kNested) && name.ends_with('>')) {
    name = name.substr(kNested.size(), name.size() - kNested.size() - 1);
    if (name.ends_with(' ')) name.pop_back();
  }
  return name;
}

// Hands it to `use` if `thrown` is a T.
template <class T, class Use>
bool thrown_as(const std::exception_ptr& thrown, Use&& use) {
  try {
    std::rethrow_exception(thrown);
  } catch (const T& value) {
    use(value);
    return true;
  } catch (...) {
    return false;
  }
}

// The value of what is not derived from std::exception, if it is of these types.
template <class... T>
std::string value_of(const std::exception_ptr& thrown) {
  std::string text;
  const auto keep = [&text]<class V>(const V& value) {
    if constexpr (std::is_arithmetic_v<V>) {
      text = fmt::to_string(value);
    } else if constexpr (std::is_pointer_v<V>) {
      text = bounded(static_cast<const char*>(value));
    } else {
      text = bounded(std::string_view(value));
    }
  };
  static_cast<void>((thrown_as<T>(thrown, keep) || ...));
  return text;
}

// The code of those that have one.
void add_code(const std::exception& thrown, ExceptionRecord& record) {
  if (const auto* system = dynamic_cast<const std::system_error*>(&thrown)) {
    record.code = system->code().value();
    record.category = bounded(system->code().category().name());
  } else if (const auto* future = dynamic_cast<const std::future_error*>(&thrown)) {
    record.code = future->code().value();
  } else if (const auto* regex = dynamic_cast<const std::regex_error*>(&thrown)) {
    record.code = regex->code();
  }
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&thrown)) {
    record.path1 = bounded(std::string_view(file->path1().native()));
    record.path2 = bounded(std::string_view(file->path2().native()));
  }
}

// Tells of `thrown` in `record`, all but the causes; returns what was nested in it.
std::exception_ptr describe(const std::exception_ptr& thrown, ExceptionRecord& record) {
  std::exception_ptr nested;
  const auto look_inside = [&nested](const std::nested_exception& outer) { nested = outer.nested_ptr(); };
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& standard) {
    record.base = nearest(standard);  // first: it is what can be told without memory
    record.type = type_name(&typeid(standard));
    record.what = bounded(standard.what());
    add_code(standard, record);
    if (const auto* outer = dynamic_cast<const std::nested_exception*>(&standard)) look_inside(*outer);
    return nested;
  } catch (...) {
    record.type = type_name(abi::__cxa_current_exception_type());
  }
  record.what = value_of<bool, char, int, unsigned, long, unsigned long, long long, unsigned long long,
                         double, float, const char*, std::string, std::string_view>(thrown);
  thrown_as<std::nested_exception>(thrown, look_inside);
  return nested;
}

std::string type_alone(StandardType type) noexcept {
  return std::string(1, static_cast<char>(kTypeAlone | static_cast<std::uint8_t>(type)));
}

std::string encode(const ExceptionRecord& record) {
  WireWriter out;
  out.put(record.base);
  out.put_string(record.type);
  out.put_string(record.what);
  out.put(record.code);
  for (const std::string* text : {&record.category, &record.path1, &record.path2}) out.put_string(*text);
  out.put(static_cast<std::uint32_t>(record.causes.size()));
  for (const RemoteCause& cause : record.causes) {
    out.put_string(cause.type);
    out.put_string(cause.what);
  }
  return out.take_bytes();
}

}  // namespace

std::string encode_exception(std::exception_ptr thrown) noexcept {
  ExceptionRecord record;
  try {
    if (thrown == nullptr) return type_alone(StandardType::None);
    thrown = describe(thrown, record);
    while (thrown != nullptr && record.causes.size() < kMostCauses) {
      ExceptionRecord cause;
      thrown = describe(thrown, cause);
      record.causes.push_back({std::move(cause.type), std::move(cause.what)});
    }
    return encode(record);
  } catch (...) {
    return type_alone(record.base);
  }
}

bool decode_exception(std::string_view bytes, ExceptionRecord& record) {
  WireReader in(bytes);
  const auto head = in.get<std::uint8_t>();
  const std::uint8_t base = head & static_cast<std::uint8_t>(~kTypeAlone);
  if (in.failed() || base > kLastStandardType) return false;
  record = {};
  record.base = static_cast<StandardType>(base);
  if ((head & kTypeAlone) != 0) {
    record.type = name_of(record.base);
    record.what = "nothing more could be told of it";
    return in.done();
  }
  const auto text = [&in] {
    std::string got = in.get_string();
    if (got.size() > kMostExceptionText) in.fail();
    return got;
  };
  record.type = text();
  record.what = text();
  record.code = in.get<std::int32_t>();
  for (std::string* each : {&record.category, &record.path1, &record.path2}) *each = text();
  const std::uint32_t causes = in.get_count(2 * sizeof(std::uint32_t));
  if (causes > kMostCauses) return false;
  for (std::uint32_t i = 0; i < causes; ++i) {
    RemoteCause& cause = record.causes.emplace_back();
    cause.type = text();
    cause.what = text();
  }
  return in.done();
}

std::string first_line(const ExceptionRecord& record) {
  if (record.what.empty() || record.what == record.type)
    return one_line(record.type) + (record.base == StandardType::None ? " thrown" : "");
  return one_line(record.type + ": " + record.what);
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace drover
