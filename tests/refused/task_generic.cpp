// expect: with one const operator() that is no template; wrap anything else in a lambda
#include <drover/function.hpp>

auto refused() {
  return &drover::detail::Registered<[](auto number) { return number; }>::entry;
}
