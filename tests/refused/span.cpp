// expect: a view such as std::string_view would dangle
#include <span>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::span<const int>>();
}
