#include "runner/view/summary.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>

#include "runner/view/text.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

Outcome exited(int code, Duration wall = Duration(0)) {
  Outcome outcome;
  outcome.kind = OutcomeKind::Failed;
  outcome.exit_code = code;
  outcome.wall_ns = static_cast<std::uint64_t>(wall.count());
  return outcome;
}

std::string tail_of(std::string_view text) {
  const std::string note = failure_note("#2", exited(3), 1, 1, text, StderrTail::Show);
  return note.substr(note.find('\n') + 1);
}

}  // namespace

TEST_CASE("a failure is told with its outcome and how long it took") {
  CHECK(failure_note("#2", exited(3), 1, 1, "", StderrTail::Show) ==
        "drover: task #2 failed (exit 3) after 0.00s\n");
  CHECK(failure_note("resize a", exited(1, 12'345ms), 2, 3, "", StderrTail::Show) ==
        "drover: task resize a failed (exit 1) after 12.35s (attempt 2 of 3)\n");
  CHECK(failure_note("#2", exited(1, 250s), 1, 1, "", StderrTail::Show) ==
        "drover: task #2 failed (exit 1) after 4m10s\n");
}

TEST_CASE("a failure's message and what was left behind are told") {
  Outcome outcome = exited(3);
  outcome.message = "disk on fire\nreally";
  outcome.left_behind = 1;
  outcome.unkillable = 2;
  CHECK(failure_note("#2", outcome, 1, 1, "", StderrTail::Show) ==
        "drover: task #2 failed (exit 3) after 0.00s: disk on fire\\x0areally; left 1 process behind; "
        "2 processes could not be killed\n");
}

TEST_CASE("what could not start took no time, and a core dump is told") {
  Outcome missing;
  missing.kind = OutcomeKind::CouldNotStart;
  missing.exit_code = 127;
  missing.message = "nosuch: not found";
  CHECK(failure_note("#1", missing, 1, 1, "", StderrTail::Show) ==
        "drover: task #1 could not start (127): nosuch: not found\n");
  Outcome crashed;
  crashed.kind = OutcomeKind::Signaled;
  crashed.signal = SIGSEGV;
  crashed.core_dumped = true;
  CHECK(failure_note("#1", crashed, 1, 1, "", StderrTail::Show) ==
        "drover: task #1 signaled (SIGSEGV), core dumped, after 0.00s\n");
}

TEST_CASE("the end of stderr is shown, unless the user has it before his eyes") {
  CHECK(tail_of("one\ntwo\n") == "  | one\n  | two\n");
  CHECK(tail_of("no newline") == "  | no newline\n");
  CHECK(tail_of("\n\n").empty());
  CHECK(failure_note("#2", exited(3), 1, 1, "one\n", StderrTail::ShownAlready) ==
        "drover: task #2 failed (exit 3) after 0.00s\n");
}

TEST_CASE("of a long stderr the last ten lines are shown") {
  std::string text;
  for (int i = 1; i <= 12; ++i) text += std::to_string(i) + "\n";
  CHECK(tail_of(text) == "  | 3\n  | 4\n  | 5\n  | 6\n  | 7\n  | 8\n  | 9\n  | 10\n  | 11\n  | 12\n");
  CHECK(tail_of("\n1\n2\n3\n4\n5\n6\n7\n8\n9\n").substr(0, 12) == "  | \n  | 1\n ");
}

TEST_CASE("of long lines at most 4 KiB are shown, whole lines where there are any") {
  const std::string wide(3000, 'a');
  CHECK(tail_of(wide + "\n" + wide + "\n") == "  | " + wide + "\n");
  CHECK(tail_of(std::string(10'000, 'b')) == "  | " + std::string(kTailBytes, 'b') + "\n");
}

TEST_CASE("stderr and names cannot command the terminal") {
  CHECK(tail_of("a\033[31mb\tc\r\n\x07") == "  | a\\x1b[31mb\tc\n  | \\x07\n");
  CHECK(failure_note("a\nb", exited(1), 1, 1, "", StderrTail::Show).substr(0, 22) ==
        "drover: task a\\x0ab fa");
}

TEST_CASE("the end of a stream is read from memory and from a file") {
  CapturedStream stream;
  stream.head = "short\n";
  stream.size = 6;
  CHECK(read_tail(stream) == "short\n");
  const std::string text = std::string(10'000, 'x') + "the end\n";
  stream.head = text;
  CHECK(read_tail(stream) == text.substr(text.size() - kTailBytes - 1));
  stream.head.clear();
  stream.spool.reset(::memfd_create("test", MFD_CLOEXEC));
  stream.size = text.size();
  REQUIRE(::pwrite(stream.spool.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  CHECK(read_tail(stream) == text.substr(text.size() - kTailBytes - 1));
}

TEST_CASE("the closing line counts what there is of each") {
  Closing closing{.counts = {.total = 1000, .total_known = true, .succeeded = 998, .failed = 2},
                  .wall = 12'300ms,
                  .cpu = 23'900ms,
                  .workers = 2};
  CHECK(closing_summary(closing) ==
        "drover: 1000 tasks: 998 succeeded, 2 failed in 12.3 s (cpu 23.9 s, 2 workers)\n");
  closing.counts = {.total = 12, .total_known = true, .succeeded = 1, .cancelled = 2, .skipped = 3};
  closing.wall = 250s;
  closing.lost_workers = 1;
  CHECK(closing_summary(closing) ==
        "drover: 12 tasks: 1 succeeded, 2 cancelled, 3 skipped, 6 not run in 4m10s (cpu 23.9 s, 2 workers, "
        "1 lost)\n");
  CHECK(closing_summary({.counts = {.total = 1, .succeeded = 1}, .workers = 1}) ==
        "drover: 1 task: 1 succeeded in 0.0 s (cpu 0.0 s, 1 worker)\n");
}

TEST_CASE("the first ten that failed are named") {
  Closing closing{.counts = {.total = 3, .succeeded = 1, .failed = 2}, .failed = {"#2", "a\033b"}};
  std::string text = closing_summary(closing);
  CHECK(text.substr(text.find('\n') + 1) == "drover: failed: #2, a\\x1bb\n");
  closing.counts = {.total = 20, .failed = 12};
  closing.failed.clear();
  for (int i = 1; i <= 11; ++i) closing.failed.push_back("#" + std::to_string(i));
  text = closing_summary(closing);
  CHECK(text.substr(text.find('\n') + 1) ==
        "drover: failed: #1, #2, #3, #4, #5, #6, #7, #8, #9, #10 and 2 more\n");
}

TEST_CASE("safe text shows what a terminal would obey, and leaves what people write") {
  CHECK(safe_text("plain ä 漢 😀\t") == "plain ä 漢 😀\t");
  CHECK(safe_text("a\nb\x7f") == "a\\x0ab\\x7f");
  CHECK(safe_text("a\nb", Newlines::Keep) == "a\nb");
  CHECK(safe_text("\xc2\x9b"
                  "1m") == "\\xc2\\x9b1m");  // a C1 control: CSI in one character
  CHECK(safe_text("\xff\xe4\xb8") == "\\xff\\xe4\\xb8");
  CHECK(safe_text("\xc0\x8a\xed\xa0\x80") == "\\xc0\\x8a\\xed\\xa0\\x80");  // overlong; a surrogate
}

TEST_CASE("durations are told in short") {
  CHECK(short_duration(4ms) == "0.00s");
  CHECK(short_duration(59'990ms) == "59.99s");
  CHECK(short_duration(59'999ms) == "1m00s");
  CHECK(whole_duration(7900ms) == "7s");
  CHECK(whole_duration(3723s) == "1h02m03s");
  CHECK(clock_duration(42s) == "0:42");
  CHECK(clock_duration(3723s) == "1:02:03");
}
