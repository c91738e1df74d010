// Exceptions on their way from a worker to the coordinator, for tests.
#pragma once

#include <doctest/doctest.h>

#include <exception>
#include <string>
#include <utility>

#include "common/exception_wire.hpp"

namespace drover::test {

inline const RemoteStory kStory{12, "shot 12", 2, "its last words\n"};

template <class T>
std::exception_ptr thrown(T&& value) {
  return std::make_exception_ptr(std::forward<T>(value));
}

// What leaves `throw_it`, nested exceptions included.
template <class F>
std::exception_ptr leaving(F throw_it) {
  try {
    throw_it();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

inline ExceptionRecord sent(const std::exception_ptr& thrown) {
  ExceptionRecord record;
  REQUIRE(decode_exception(encode_exception(thrown), record));
  return record;
}

inline std::exception_ptr there_and_back(const std::exception_ptr& thrown) {
  return rebuild(sent(thrown), kStory);
}

// Hands `thrown`, caught as an E, to `look`.
template <class E, class Look>
void caught_as(const std::exception_ptr& thrown, Look look) {
  bool caught = false;
  try {
    std::rethrow_exception(thrown);
  } catch (const E& exception) {
    caught = true;
    look(exception);
  } catch (...) {
  }
  CHECK(caught);
}

template <class E>
const RemoteDetails& story_of(const E& exception) {
  const auto* story = dynamic_cast<const RemoteDetails*>(&exception);
  REQUIRE(story != nullptr);
  return *story;
}

}  // namespace drover::test
