// expect: a pointer means nothing in another process
#include <drover/codec.hpp>

void refused(drover::Encoder& out, const char* text) {
  out.value(text);
}
