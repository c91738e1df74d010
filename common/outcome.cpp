#include "common/outcome.hpp"

#include <signal.h>
#include <string.h>

#include "common/wire.hpp"

namespace drover {

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  if (signal > 0 && name != nullptr) return std::string("SIG") + name;
  return "signal " + std::to_string(signal);
}

std::string describe(const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::Succeeded:
      return "succeeded";
    case OutcomeKind::Failed:
      // A function has no exit code: what it threw is in the message.
      if (outcome.exit_code == 0) return "failed (exception)";
      return "failed (exit " + std::to_string(outcome.exit_code) + ")";
    case OutcomeKind::Signaled:
      return "signaled (" + signal_name(outcome.signal) + ")";
    case OutcomeKind::WorkerLost:
      return outcome.signal == 0 ? "worker lost" : "worker lost (" + signal_name(outcome.signal) + ")";
    case OutcomeKind::TimedOut:
      return "timed out";
    case OutcomeKind::OutOfMemory:
      return "out of memory";
    case OutcomeKind::Cancelled:
      return "cancelled";
    case OutcomeKind::CouldNotStart:
      return "could not start (" + std::to_string(outcome.exit_code) + ")";
  }
  return "unknown";
}

std::string encode_outcome(const Outcome& outcome) {
  WireWriter out;
  out.put(static_cast<std::uint8_t>(outcome.kind));
  out.put(static_cast<std::uint8_t>(outcome.core_dumped ? 1 : 0));
  out.put(outcome.exit_code);
  out.put(outcome.signal);
  out.put(outcome.left_behind);
  out.put(outcome.unkillable);
  out.put(outcome.start_ns);
  out.put(outcome.wall_ns);
  const Usage& usage = outcome.usage;
  for (const std::uint64_t number :
       {usage.user_ns, usage.system_ns, usage.max_rss_kib, usage.minor_faults, usage.major_faults,
        usage.voluntary_switches, usage.involuntary_switches}) {
    out.put(number);
  }
  out.put_string(outcome.message);
  return out.take_bytes();
}

bool decode_outcome(std::string_view bytes, Outcome& outcome) {
  WireReader in(bytes);
  const auto kind = in.get<std::uint8_t>();
  const auto core_dumped = in.get<std::uint8_t>();
  if (kind > kLastOutcomeKind || core_dumped > 1) return false;
  outcome.kind = static_cast<OutcomeKind>(kind);
  outcome.core_dumped = core_dumped == 1;
  outcome.exit_code = in.get<std::int32_t>();
  outcome.signal = in.get<std::int32_t>();
  outcome.left_behind = in.get<std::uint32_t>();
  outcome.unkillable = in.get<std::uint32_t>();
  outcome.start_ns = in.get<std::uint64_t>();
  outcome.wall_ns = in.get<std::uint64_t>();
  Usage& usage = outcome.usage;
  for (std::uint64_t* number :
       {&usage.user_ns, &usage.system_ns, &usage.max_rss_kib, &usage.minor_faults, &usage.major_faults,
        &usage.voluntary_switches, &usage.involuntary_switches}) {
    *number = in.get<std::uint64_t>();
  }
  outcome.message = in.get_string();
  return in.done();
}

}  // namespace drover
