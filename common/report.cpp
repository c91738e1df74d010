#include "common/report.hpp"

#include "common/wire.hpp"

namespace drover {

std::string encode_report(const Report& report) {
  WireWriter writer;
  writer.put_string(encode_outcome(report.outcome));
  for (const CapturedStream* stream : {&report.out, &report.err}) {
    writer.put(stream->size);
    writer.put_string(stream->head);
  }
  writer.put_string(report.value);
  return writer.take_bytes();
}

bool decode_report(std::string_view bytes, Report& report) {
  WireReader reader(bytes);
  if (!decode_outcome(reader.get_string(), report.outcome)) return false;
  for (CapturedStream* stream : {&report.out, &report.err}) {
    stream->size = reader.get<std::uint64_t>();
    stream->head = reader.get_string();
    if (!stream->head.empty() && stream->head.size() != stream->size) return false;
  }
  report.value = reader.get_string();
  return reader.done();
}

}  // namespace drover
