// expect: a pointer means nothing in another process
#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<const char*>();
}
