// expect: what std::shared_ptr shares cannot be shared between processes
#include <memory>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::shared_ptr<int>>();
}
