// Result<T>: a value, or the reason why the system refused. For failures of the system only: a task that
// failed is data (common/outcome.hpp), a broken promise of our own is DROVER_CHECK.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "common/check.hpp"

namespace drover {

// What was refused: the call, the object it was about, and errno (0 when no system call is to blame).
struct Error {
  std::string call;
  std::string object;
  int code = 0;

  // "open /etc/x: Permission denied"
  [[nodiscard]] std::string text() const {
    std::string out = call;
    if (!object.empty()) out += (out.empty() ? "" : " ") + object;
    if (code != 0) out += std::string(": ") + std::strerror(code);
    return out;
  }
};

// Reads errno now: make it the first thing after the call.
[[nodiscard]] inline Error last_error(std::string call, std::string object = {}) {
  const int code = errno;
  return {std::move(call), std::move(object), code};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // Precondition: ok().
  [[nodiscard]] T& value() & {
    DROVER_CHECK(ok());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T& value() const& {
    DROVER_CHECK(ok());
    return std::get<0>(state_);
  }
  [[nodiscard]] T&& value() && {
    DROVER_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T* operator->() { return &value(); }
  T& operator*() { return value(); }
  // Precondition: !ok().
  [[nodiscard]] const Error& error() const {
    DROVER_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

struct Nothing {};
using Status = Result<Nothing>;

}  // namespace drover
