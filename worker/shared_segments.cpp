#include "worker/shared_segments.hpp"

#include <string>

namespace drover {

std::shared_ptr<detail::SharedSegment> SharedSegments::find(std::uint64_t id) {
  auto segment = desk_.shared(id);
  if (!segment)
    detail::fail_decoding("expected shared memory " + std::to_string(id) + ", which did not arrive whole");
  return segment;
}

}  // namespace drover
