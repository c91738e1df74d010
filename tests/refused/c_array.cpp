// expect: a C array cannot be passed or returned by itself
#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<int[3]>();
}
