// expect: nothing there can be referred to: return a value instead
#include <drover/function.hpp>

const std::string& title();

auto refused() {
  return &drover::detail::Registered<&title>::entry;
}
