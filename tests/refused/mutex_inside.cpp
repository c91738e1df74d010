// expect: this class cannot be copied, so it owns something of its process
#include <mutex>

#include <drover/codec.hpp>

struct Counter {
  std::mutex mutex;
  int count = 0;
};
void refused() {
  drover::detail::require_transportable<Counter>();
}
