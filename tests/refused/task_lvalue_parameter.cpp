// expect: a task works on a copy of its arguments
#include <drover/function.hpp>

void grow(std::vector<int>& numbers);

auto refused() {
  return &drover::detail::Registered<&grow>::entry;
}
