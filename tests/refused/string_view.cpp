// expect: a view such as std::string_view would dangle
#include <string_view>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::string_view>();
}
