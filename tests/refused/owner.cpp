// expect: this class cannot be copied, so it owns something of its process
#include <drover/codec.hpp>

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  ~Descriptor() {}

 private:
  int number_;
};
void refused() {
  drover::detail::require_transportable<Descriptor>();
}
