// expect: with one const operator() that is no template; wrap anything else in a lambda
#include <drover/function.hpp>

struct Room {
  int size();
};

auto refused() {
  return &drover::detail::Registered<&Room::size>::entry;
}
