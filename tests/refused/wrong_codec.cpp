// expect: this Codec needs static void encode
#include <drover/codec.hpp>

struct Mine {};
template <>
struct drover::Codec<Mine> {
  static void encode(Encoder&, const Mine&) {}
};
void refused() {
  drover::detail::require_transportable<Mine>();
}
