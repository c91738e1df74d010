// expect: a pointer means nothing in another process
#include <vector>

#include <drover/codec.hpp>

struct Item {
  int number;
  int* next;
};
struct Shot {
  std::vector<Item> items;
};
void refused() {
  drover::detail::require_transportable<Shot>();
}
