// What a function threw, on its way from the worker to whoever asks for the result. Knows nothing of lanes or
// tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <drover/error.hpp>

namespace drover {

// The nearest standard type among the bases of what was thrown, or that type itself. The values are part of
// the wire form: append only.
enum class StandardType : std::uint8_t {
  None = 0,       // not derived from std::exception
  Exception = 1,  // from nothing nearer
  LogicError,
  InvalidArgument,
  DomainError,
  LengthError,
  OutOfRange,
  FutureError,
  RuntimeError,
  RangeError,
  OverflowError,
  UnderflowError,
  RegexError,
  SystemError,
  IosFailure,
  FilesystemError,
  BadAlloc,
  BadArrayNewLength,
  BadCast,
  BadAnyCast,
  BadTypeid,
  BadException,
  BadFunctionCall,
  BadOptionalAccess,
  BadVariantAccess,
  BadWeakPtr,
};
inline constexpr std::uint8_t kLastStandardType = static_cast<std::uint8_t>(StandardType::BadWeakPtr);

inline constexpr std::size_t kMostCauses = 16;
inline constexpr std::size_t kMostExceptionText = 64 * 1024;  // what is longer is cut

struct ExceptionRecord {
  StandardType base = StandardType::None;
  std::string type, what;
  std::vector<RemoteCause> causes;  // outermost first
  std::int32_t code = 0;            // of system_error & co, future_error, regex_error
  std::string category;             // of the code
  std::string path1, path2;         // of filesystem_error
};

// In the worker. When there is no memory for more, the bytes tell the standard type alone. A what() that
// breaks its noexcept ends the worker, here as anywhere.
[[nodiscard]] std::string encode_exception(std::exception_ptr thrown) noexcept;
// False when the bytes are no such record; `record` is then unspecified.
[[nodiscard]] bool decode_exception(std::string_view bytes, ExceptionRecord& record);
// In the coordinator: what to throw again. Remote<E>, or RemoteError.
[[nodiscard]] std::exception_ptr rebuild(const ExceptionRecord& record, const RemoteStory& story);

// "std::out_of_range: beyond the end", for people; "int: 5"; "Thing thrown".
[[nodiscard]] std::string first_line(const ExceptionRecord& record);
// Control characters become spaces, none is left at the end.
[[nodiscard]] std::string one_line(std::string text);

}  // namespace drover
