// expect: nobody knows which member of a union is in use
#include <drover/codec.hpp>

union Either {
  int number;
  float real;
};
void refused() {
  drover::detail::require_transportable<Either>();
}
