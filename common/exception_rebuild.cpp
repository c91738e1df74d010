#include <any>
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

#include "common/exception_wire.hpp"

namespace drover {
namespace {

// For codes of a program's own categories, which cannot be found by name. Taken for generic ones, a 2 would
// compare equal to std::errc::no_such_file_or_directory.
class UnknownCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "drover.remote"; }
  [[nodiscard]] std::string message(int value) const override {
    return "error " + std::to_string(value) + " of a category of the worker's own";
  }
};

std::error_code code_of(const ExceptionRecord& record) {
  static const UnknownCategory unknown;
  for (const std::error_category* category : {&std::generic_category(), &std::system_category(),
                                              &std::iostream_category(), &std::future_category()})
    if (record.category == category->name()) return {record.code, *category};
  return {record.code, unknown};
}

// What the constructor was given: copies of a base alone, which make what() themselves, then say it only
// once.
std::string argument_of(const ExceptionRecord& record) {
  std::string_view text = record.what;
  constexpr std::string_view kOfFilesystem = "filesystem error: ";
  if (record.base == StandardType::FilesystemError && text.starts_with(kOfFilesystem))
    text.remove_prefix(kOfFilesystem.size());
  const std::string message = code_of(record).message();
  const std::size_t at = text.rfind(": " + message);
  if (at != std::string_view::npos) text = text.substr(0, at);
  return std::string(text == message ? std::string_view() : text);
}

// The enumeration holds no other values.
bool is_regex_code(std::int32_t code) {
  return code >= std::regex_constants::error_collate && code <= std::regex_constants::error_stack;
}

template <class E, class... Arguments>
std::exception_ptr remote(const RemoteDetails& details, Arguments&&... arguments) {
  return std::make_exception_ptr(Remote<E>(details, std::forward<Arguments>(arguments)...));
}

}  // namespace

std::exception_ptr rebuild(const ExceptionRecord& record, const RemoteStory& story) {
  const RemoteDetails details(story, record.type, record.what, record.causes);
  const std::string& what = record.what;
  switch (record.base) {
    case StandardType::None:
      return std::make_exception_ptr(RemoteError(first_line(record), details));
    case StandardType::Exception:
      return std::make_exception_ptr(RemoteError(what, details));
    case StandardType::LogicError:
      return remote<std::logic_error>(details, what);
    case StandardType::InvalidArgument:
      return remote<std::invalid_argument>(details, what);
    case StandardType::DomainError:
      return remote<std::domain_error>(details, what);
    case StandardType::LengthError:
      return remote<std::length_error>(details, what);
    case StandardType::OutOfRange:
      return remote<std::out_of_range>(details, what);
    case StandardType::FutureError:
      return remote<std::future_error>(details, static_cast<std::future_errc>(record.code));
    case StandardType::RuntimeError:
      return remote<std::runtime_error>(details, what);
    case StandardType::RangeError:
      return remote<std::range_error>(details, what);
    case StandardType::OverflowError:
      return remote<std::overflow_error>(details, what);
    case StandardType::UnderflowError:
      return remote<std::underflow_error>(details, what);
    case StandardType::RegexError:
      if (!is_regex_code(record.code)) return remote<std::runtime_error>(details, what);
      return remote<std::regex_error>(details, static_cast<std::regex_constants::error_type>(record.code));
    case StandardType::SystemError:
      // An empty argument would make it ": message".
      if (argument_of(record).empty()) return remote<std::system_error>(details, code_of(record));
      return remote<std::system_error>(details, code_of(record), argument_of(record));
    case StandardType::IosFailure:
      return remote<std::ios_base::failure>(details, argument_of(record), code_of(record));
    case StandardType::FilesystemError:
      return remote<std::filesystem::filesystem_error>(details, argument_of(record), record.path1,
                                                       record.path2, code_of(record));
    case StandardType::BadAlloc:
      return remote<std::bad_alloc>(details);
    case StandardType::BadArrayNewLength:
      return remote<std::bad_array_new_length>(details);
    case StandardType::BadCast:
      return remote<std::bad_cast>(details);
    case StandardType::BadAnyCast:
      return remote<std::bad_any_cast>(details);
    case StandardType::BadTypeid:
      return remote<std::bad_typeid>(details);
    case StandardType::BadException:
      return remote<std::bad_exception>(details);
    case StandardType::BadFunctionCall:
      return remote<std::bad_function_call>(details);
    case StandardType::BadOptionalAccess:
      return remote<std::bad_optional_access>(details);
    case StandardType::BadVariantAccess:
      return remote<std::bad_variant_access>(details);
    case StandardType::BadWeakPtr:
      return remote<std::bad_weak_ptr>(details);
  }
  return std::make_exception_ptr(RemoteError(first_line(record), details));
}

}  // namespace drover
