// What a worker says of an attempt that has more to tell than "succeeded": the outcome and what was printed.
// Streams that were spooled travel as descriptors beside it; here is only their size.
#pragma once

#include <string>
#include <string_view>

#include "common/captured.hpp"
#include "common/outcome.hpp"

namespace drover {

struct Report {
  Outcome outcome;
  CapturedStream out, err;
  std::string value;  // of a typed function: its encoded result; of one that threw: the encoded exception
  // Not sent: what the coordinator adds.
  bool plain = false;  // it came without an account: `out` is what the function returned
  std::uint64_t progress_done = 0, progress_total = 0;  // of an attempt whose worker was lost
  std::string progress_text;
};

[[nodiscard]] std::string encode_report(const Report& report);
// False when the bytes are no report. Spools are left empty: the caller adds what came over the socket.
[[nodiscard]] bool decode_report(std::string_view bytes, Report& report);

}  // namespace drover
