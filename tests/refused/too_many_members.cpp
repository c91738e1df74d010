// expect: it has more than 32 members
#include <drover/codec.hpp>

struct Wide {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, A, B, C, D, E, F, G;
};
void refused() {
  drover::detail::require_transportable<Wide>();
}
