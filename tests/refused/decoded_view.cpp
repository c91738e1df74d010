// expect: a view such as std::string_view would dangle
#include <string_view>

#include <drover/codec.hpp>

std::string_view refused(drover::Decoder& in) {
  return in.value<std::string_view>();
}
