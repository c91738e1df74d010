// expect: a reference means nothing in another process
#include <string>

#include <drover/codec.hpp>

void refused() {
  drover::detail::require_transportable<std::string&>();
}
