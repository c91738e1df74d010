#include "runner/view/summary.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runner/view/text.hpp"

namespace drover {
namespace {

constexpr std::string_view kIndent = "  | ";

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// The last lines, made safe and indented.
std::string indented_tail(std::string_view text) {
  bool cut = false;
  if (text.size() > kTailBytes) {
    text.remove_prefix(text.size() - kTailBytes);
    cut = true;
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.empty()) return {};
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines < kTailLines && begin != std::string_view::npos; ++lines) {
    begin = begin == 0 ? std::string_view::npos : text.rfind('\n', begin - 1);
  }
  if (begin != std::string_view::npos) {
    text.remove_prefix(begin + 1);
    cut = false;
  }
  // A line that begins before the cut is shown only when there is no other.
  if (cut) {
    const std::size_t newline = text.find('\n');
    if (newline != std::string_view::npos) text.remove_prefix(newline + 1);
  }
  std::string out;
  while (true) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    out += kIndent;
    out += safe_text(line) + '\n';
    if (newline == std::string_view::npos) return out;
    text.remove_prefix(newline + 1);
  }
}

std::string seconds_text(Duration duration) {
  if (duration >= std::chrono::milliseconds(59'950)) {
    return whole_duration(duration + std::chrono::milliseconds(500));
  }
  return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

std::string read_tail(const CapturedStream& stream) {
  // One byte more shows whether the first line is whole.
  constexpr std::size_t kMost = kTailBytes + 1;
  if (!stream.spool) {
    return stream.head.substr(stream.head.size() - std::min(stream.head.size(), kMost));
  }
  std::string tail(static_cast<std::size_t>(std::min<std::uint64_t>(stream.size, kMost)), '\0');
  const auto at = static_cast<off_t>(stream.size - tail.size());
  const ssize_t n = ::pread(stream.spool.get(), tail.data(), tail.size(), at);
  tail.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return tail;
}

std::string failure_note(std::string_view shown_name, const Outcome& outcome, Attempt attempt,
                         Attempt attempts, std::string_view stderr_tail, StderrTail tail) {
  std::string note = fmt::format("drover: task {} {}", safe_text(shown_name), describe(outcome));
  if (outcome.core_dumped) note += ", core dumped,";
  if (outcome.kind != OutcomeKind::CouldNotStart) {
    note += " after " + short_duration(Duration(static_cast<std::int64_t>(outcome.wall_ns)));
  }
  if (attempts > 1) note += fmt::format(" (attempt {} of {})", attempt, attempts);
  if (!outcome.message.empty()) note += ": " + safe_text(outcome.message);
  if (outcome.left_behind > 0) {
    note += "; left " + counted(outcome.left_behind, "process", "processes") + " behind";
  }
  if (outcome.unkillable > 0) {
    note += "; " + counted(outcome.unkillable, "process", "processes") + " could not be killed";
  }
  note += '\n';
  if (tail == StderrTail::Show) note += indented_tail(stderr_tail);
  return note;
}

std::string closing_summary(const Closing& closing) {
  const Counts& counts = closing.counts;
  std::string text = "drover: " + counted(counts.total, "task", "tasks");
  std::string_view before = ": ";
  const std::uint64_t not_run = counts.total - std::min(counts.total, counts.done());
  for (const auto& [count, word] :
       {std::pair{counts.succeeded, "succeeded"}, std::pair{counts.failed, "failed"},
        std::pair{counts.cancelled, "cancelled"}, std::pair{counts.skipped, "skipped"},
        std::pair{not_run, "not run"}}) {
    if (count == 0) continue;
    text += fmt::format("{}{} {}", before, count, word);
    before = ", ";
  }
  text += fmt::format(" in {} (cpu {}, {}", seconds_text(closing.wall), seconds_text(closing.cpu),
                      counted(closing.workers, "worker", "workers"));
  if (closing.lost_workers > 0) text += fmt::format(", {} lost", closing.lost_workers);
  text += ")\n";
  if (closing.failed.empty()) return text;

  const std::size_t named = std::min(closing.failed.size(), kNamedFailures);
  for (std::size_t i = 0; i < named; ++i) {
    text += (i == 0 ? "drover: failed: " : ", ") + safe_text(closing.failed[i]);
  }
  const std::uint64_t all = std::max<std::uint64_t>(counts.failed, closing.failed.size());
  if (all > named) text += fmt::format(" and {} more", all - named);
  return text + '\n';
}

}  // namespace drover
