#include "common/outcome.hpp"

#include <doctest/doctest.h>
#include <signal.h>

using namespace drover;

namespace {

Outcome full_outcome() {
  Outcome outcome;
  outcome.kind = OutcomeKind::Signaled;
  outcome.exit_code = -3;
  outcome.signal = 11;
  outcome.core_dumped = true;
  outcome.left_behind = 2;
  outcome.unkillable = 1;
  outcome.start_ns = 1'000'000'000'001;
  outcome.wall_ns = 42;
  outcome.usage = {.user_ns = 1,
                   .system_ns = 2,
                   .max_rss_kib = 3,
                   .minor_faults = 4,
                   .major_faults = 5,
                   .voluntary_switches = 6,
                   .involuntary_switches = 7};
  outcome.message = "what it said";
  return outcome;
}

}  // namespace

TEST_CASE("an outcome is described in the words of the manual") {
  const auto words = [](OutcomeKind kind, int exit_code, int signal) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.exit_code = exit_code;
    outcome.signal = signal;
    return describe(outcome);
  };
  CHECK(words(OutcomeKind::Succeeded, 0, 0) == "succeeded");
  CHECK(words(OutcomeKind::Failed, 3, 0) == "failed (exit 3)");
  CHECK(words(OutcomeKind::Failed, 0, 0) == "failed (exception)");
  CHECK(words(OutcomeKind::Signaled, 0, SIGSEGV) == "signaled (SIGSEGV)");
  CHECK(words(OutcomeKind::WorkerLost, 0, 0) == "worker lost");
  CHECK(words(OutcomeKind::WorkerLost, 0, SIGKILL) == "worker lost (SIGKILL)");
  CHECK(words(OutcomeKind::TimedOut, 0, SIGTERM) == "timed out");
  CHECK(words(OutcomeKind::OutOfMemory, 0, 0) == "out of memory");
  CHECK(words(OutcomeKind::Cancelled, 0, SIGTERM) == "cancelled");
  CHECK(words(OutcomeKind::CouldNotStart, 127, 0) == "could not start (127)");
}

TEST_CASE("a signal without a name is shown by its number") {
  CHECK(signal_name(SIGTERM) == "SIGTERM");
  CHECK(signal_name(77) == "signal 77");
  CHECK(signal_name(0) == "signal 0");
  CHECK(signal_name(-1) == "signal -1");
}

TEST_CASE("an outcome survives the wire whole") {
  const Outcome sent = full_outcome();
  Outcome got;
  REQUIRE(decode_outcome(encode_outcome(sent), got));
  CHECK(got.kind == sent.kind);
  CHECK(got.exit_code == -3);
  CHECK(got.signal == 11);
  CHECK(got.core_dumped);
  CHECK(got.left_behind == 2);
  CHECK(got.unkillable == 1);
  CHECK(got.start_ns == sent.start_ns);
  CHECK(got.wall_ns == 42);
  CHECK(got.usage.user_ns == 1);
  CHECK(got.usage.system_ns == 2);
  CHECK(got.usage.max_rss_kib == 3);
  CHECK(got.usage.minor_faults == 4);
  CHECK(got.usage.major_faults == 5);
  CHECK(got.usage.voluntary_switches == 6);
  CHECK(got.usage.involuntary_switches == 7);
  CHECK(got.message == "what it said");
}

TEST_CASE("an outcome that was cut, lengthened or has an unknown kind is refused") {
  const std::string bytes = encode_outcome(full_outcome());
  Outcome got;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_outcome(std::string_view(bytes).substr(0, size), got));
  }
  CHECK_FALSE(decode_outcome(bytes + "x", got));
  std::string unknown = bytes;
  unknown[0] = static_cast<char>(kLastOutcomeKind + 1);
  CHECK_FALSE(decode_outcome(unknown, got));
  std::string neither = bytes;
  neither[1] = 2;
  CHECK_FALSE(decode_outcome(neither, got));
}
