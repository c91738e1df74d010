// expect: a struct with a C array must have a default
#include <drover/codec.hpp>

class Number {
 public:
  explicit Number(int number) : number_(number) {}

 private:
  int number_;
};
struct Holds {
  char name[4];
  Number number;
};
void refused() {
  drover::detail::require_transportable<Holds>();
}
