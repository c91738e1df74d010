// expect: inside this type is a pointer
#include <functional>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::reference_wrapper<int>>();
}
