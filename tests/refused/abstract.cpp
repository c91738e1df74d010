// expect: an abstract class has no values
#include <memory>

#include <drover/codec.hpp>

struct Animal {
  virtual ~Animal() = default;
  virtual void eat() = 0;
};
void refused() {
  drover::detail::require_transportable<std::unique_ptr<Animal>>();
}
