// expect: not every number is a value of an enum without a fixed underlying type
#include <drover/codec.hpp>

enum Color { kRed, kBlue };
void refused() {
  drover::detail::require_transportable<Color>();
}
