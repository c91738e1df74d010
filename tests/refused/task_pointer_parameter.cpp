// expect: a pointer means nothing in another process
#include <drover/function.hpp>

double sum(const double* numbers, int count);

auto refused() {
  return &drover::detail::Registered<&sum>::entry;
}
