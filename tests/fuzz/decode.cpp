// Whatever crosses a process wall is decoded without trust: any bytes are either refused, or mean something
// that encodes and decodes to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/command.hpp"
#include "common/exception_wire.hpp"
#include "common/outcome.hpp"
#include "common/report.hpp"
#include "common/value.hpp"

using namespace drover;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      if (Command command, again; decode_command(bytes, command))
        require(decode_command(encode_command(command), again));
      break;
    case 1:
      if (Outcome outcome, again; decode_outcome(bytes, outcome))
        require(decode_outcome(encode_outcome(outcome), again));
      break;
    case 2:
      if (Report report, again; decode_report(bytes, report))
        require(decode_report(encode_report(report), again));
      break;
    case 3:
      // It has no encoder of its own: what it means is an exception that can be thrown.
      if (ExceptionRecord record; decode_exception(bytes, record)) require(rebuild(record, {}) != nullptr);
      break;
    default:
      if (std::vector<Value> values, again; decode_values(bytes, values))
        require(decode_values(encode_values(values), again));
  }
  return 0;
}
