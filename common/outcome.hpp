// How an attempt ended, with its whole account.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.hpp"

namespace drover {

// The values are part of the lane's format: append only.
enum class OutcomeKind : std::uint8_t {
  Succeeded = 0,
  Failed = 1,      // a command's exit code, or what a function threw
  Signaled = 2,    // a signal ended the command
  WorkerLost = 3,  // the worker died with it in hand
  TimedOut = 4,
  OutOfMemory = 5,
  Cancelled = 6,
  CouldNotStart = 7,  // exit_code 127: not found, 126: not executable
};
inline constexpr std::uint8_t kLastOutcomeKind = 7;

struct Usage {
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
  std::uint64_t max_rss_kib = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::Succeeded;
  std::int32_t exit_code = 0;  // Failed, CouldNotStart
  std::int32_t signal = 0;     // Signaled, WorkerLost; for TimedOut and Cancelled the one that ended it
  bool core_dumped = false;
  std::uint32_t left_behind = 0;  // processes that it had left behind and that were ended
  std::uint32_t unkillable = 0;   // processes that 5 s after SIGKILL were still there
  std::uint64_t start_ns = 0;     // CLOCK_MONOTONIC at exec, or at the call of the function
  std::uint64_t wall_ns = 0;
  Usage usage;
  // For people, one line without a newline: what a function threw, why a command could not start, the last
  // progress of a task whose worker was lost.
  std::string message;

  [[nodiscard]] bool succeeded() const { return kind == OutcomeKind::Succeeded; }
};

// "failed (exit 3)", "signaled (SIGSEGV)", "worker lost (SIGKILL)": the contract's words for people.
[[nodiscard]] std::string describe(const Outcome& outcome);
// "SIGTERM" for 15; "signal 77" for a number without a name.
[[nodiscard]] std::string signal_name(int signal);

[[nodiscard]] std::string encode_outcome(const Outcome& outcome);
[[nodiscard]] bool decode_outcome(std::string_view bytes, Outcome& outcome);

}  // namespace drover
