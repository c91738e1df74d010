// expect: a function object such as std::function cannot leave its process
#include <functional>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::function<void()>>();
}
