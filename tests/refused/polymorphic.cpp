// expect: of a polymorphic class only the base would arrive
#include <vector>

#include <drover/codec.hpp>

struct Animal {
  virtual ~Animal() = default;
};
void refused() {
  drover::detail::require_transportable<std::vector<Animal>>();
}
