#include <drover/shared_array.hpp>

namespace drover::detail {

void encode_shared(Encoder& out, const SharedPlace& place, bool writable) {
  std::shared_ptr<SharedSegment> segment = place.segment;
  if (segment && !writable) segment = SharedSegment::read_only(segment);
  if (segment) out.attach(segment);
  out.count(segment ? segment->id() : 0);
  out.count(place.offset);
  out.count(place.count);
  out.count(writable ? 1 : 0);
}

SharedPlace decode_shared(Decoder& in, ElementShape element, bool writable) {
  const std::uint64_t id = in.count();
  const std::uint64_t offset = in.count();
  const std::uint64_t count = in.count();
  const bool said_writable = in.count() != 0;
  if (said_writable != writable)
    fail_decoding("expected shared memory to write and found some to read, or the other way round");
  if (id == 0) {
    if (offset != 0 || count != 0) fail_decoding("expected shared memory, found a part of none");
    return {};
  }
  if (in.segments() == nullptr) fail_decoding("expected no shared memory, which cannot come this way");
  std::shared_ptr<SharedSegment> segment = in.segments()->find(id);
  if (!segment) fail_decoding("expected shared memory that did not arrive");
  if (segment->writable() != writable)
    fail_decoding("expected shared memory that may be written, or may not, against what was said");
  if (offset > segment->size() || count > (segment->size() - offset) / element.size ||
      offset % element.alignment != 0)
    fail_decoding("expected whole elements within their shared memory");
  return {std::move(segment), static_cast<std::size_t>(offset), static_cast<std::size_t>(count)};
}

}  // namespace drover::detail
