// expect: void is no value
#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<void>();
}
