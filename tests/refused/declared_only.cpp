// expect: this type is only declared here
#include <drover/codec.hpp>

struct Later;
void refused() {
  drover::detail::require_transportable<Later>();
}
