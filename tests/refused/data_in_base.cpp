// expect: this struct has data in a base class
#include <drover/codec.hpp>

struct Base {
  int number;
};
struct Derived : Base {
  int more;
};
void refused() {
  drover::detail::require_transportable<Derived>();
}
