// Parsed<T>: what a text of the user means, or why it means nothing. Not Result<T>, which is for refusals of
// the system: a mistake has no errno, and whoever knows the place makes a Diagnostic of it.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "common/check.hpp"

namespace drover {

// "what is wrong; what to do"
struct Mistake {
  std::string text;
};

template <class T>
class [[nodiscard]] Parsed {
 public:
  Parsed(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Parsed(Mistake mistake) : state_(std::in_place_index<1>, std::move(mistake)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // Precondition: ok().
  [[nodiscard]] const T& operator*() const {
    DROVER_CHECK(ok());
    return std::get<0>(state_);
  }
  [[nodiscard]] const T* operator->() const { return &**this; }
  // Precondition: !ok().
  [[nodiscard]] const std::string& mistake() const {
    DROVER_CHECK(!ok());
    return std::get<1>(state_).text;
  }

 private:
  std::variant<T, Mistake> state_;
};

}  // namespace drover
