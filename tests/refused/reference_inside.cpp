// expect: this struct cannot be taken apart
#include <drover/codec.hpp>

struct Holds {
  int number;
  int& other;
};
void refused() {
  drover::detail::require_transportable<Holds>();
}
