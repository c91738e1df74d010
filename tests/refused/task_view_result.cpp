// expect: nothing there can be referred to: return a value instead
#include <string_view>

#include <drover/function.hpp>

std::string_view title();

auto refused() {
  return &drover::detail::Registered<&title>::entry;
}
