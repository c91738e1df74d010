#include "runner/view/progress.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "runner/view/text.hpp"

namespace drover {
namespace {

constexpr Duration kBarInterval = std::chrono::milliseconds(100);
constexpr Duration kPlainInterval = std::chrono::seconds(10);
// What was done so long ago counts for 1/e of what is done now.
constexpr double kMemorySeconds = 30;
constexpr double kLongestSeconds = 1000 * 3600.0;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

ProgressStyle choose(ProgressStyle style, int fd) {
  if (style != ProgressStyle::Auto) return style;
  const char* terminal = ::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(fd) == 1 && !dumb ? ProgressStyle::Bar : ProgressStyle::Plain;
}

std::string rate_text(double per_second) {
  return per_second < 10 ? fmt::format("{:.1f}/s", per_second) : fmt::format("{:.0f}/s", per_second);
}

// ", 1 failed, 3 skipped": what there is none of is not named.
std::string troubles(const Counts& counts) {
  std::string text;
  for (const auto& [count, word] :
       {std::pair{counts.failed, "failed"}, std::pair{counts.cancelled, "cancelled"},
        std::pair{counts.skipped, "skipped"}}) {
    if (count > 0) text += fmt::format(", {} {}", count, word);
  }
  return text;
}

}  // namespace

void Pace::sample(std::uint64_t done, Instant moment) {
  const double passed = seconds(moment - last_);
  if (passed <= 0 || done == 0) return;
  const double since = static_cast<double>(done - std::min(done, done_)) / passed;
  const bool first = done_ == 0;
  const double weight = first ? 1 : 1 - std::exp(-passed / kMemorySeconds);
  per_second_ += weight * (since - per_second_);
  done_ = done;
  last_ = moment;
}

std::optional<Duration> Pace::time_for(std::uint64_t tasks) const {
  if (per_second_ <= 0) return std::nullopt;
  const double left = static_cast<double>(tasks) / per_second_;
  if (left > kLongestSeconds) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left));
}

Progress::Progress(ProgressStyle style, int err_fd, Display display, Instant start)
    : style_(choose(style, err_fd)), display_(std::move(display)), start_(start), next_(start), pace_(start) {
  if (style_ == ProgressStyle::Plain) next_ += kPlainInterval;
}

void Progress::changed(const Counts& counts, std::string_view newest, Instant moment) {
  if (style_ == ProgressStyle::None) return;
  counts_ = counts;
  newest_ = newest;
  changed_ = true;
  tick(moment);
}

void Progress::tick(Instant moment) {
  if (!changed_ || moment < next_) return;
  changed_ = false;
  pace_.sample(counts_.done(), moment);
  if (style_ == ProgressStyle::Bar) {
    next_ = moment + kBarInterval;
    display_.status(bar_text(moment));
  } else {
    next_ = moment + kPlainInterval;
    display_.line(plain_text());
  }
}

std::optional<Instant> Progress::next_wake() const {
  return changed_ ? std::optional(next_) : std::nullopt;
}

void Progress::finish() {
  if (style_ == ProgressStyle::Bar) display_.status({});
  style_ = ProgressStyle::None;
  changed_ = false;
}

std::string Progress::bar_text(Instant moment) const {
  const std::uint64_t done = counts_.done();
  std::string text =
      counts_.total_known ? fmt::format("[{}/{}]", done, counts_.total) : fmt::format("[{}]", done);
  text += fmt::format(" {} running{}", counts_.running, troubles(counts_));
  if (!counts_.total_known) {
    if (pace_.per_second() > 0) text += ", " + rate_text(pace_.per_second());
  } else if (counts_.total > 0) {
    text += fmt::format(", {}%", static_cast<std::uint64_t>(100.0 * static_cast<double>(done) /
                                                            static_cast<double>(counts_.total)));
  }
  text += " " + clock_duration(moment - start_);
  if (counts_.total_known && done < counts_.total) {
    if (const auto left = pace_.time_for(counts_.total - done)) text += " eta " + clock_duration(*left);
  }
  if (!newest_.empty()) text += "  " + newest_;
  return text;
}

std::string Progress::plain_text() const {
  const std::uint64_t done = counts_.done();
  std::string text = counts_.total_known ? fmt::format("drover: {}/{} done", done, counts_.total)
                                         : fmt::format("drover: {} done", done);
  text += fmt::format("{}, {} running", troubles(counts_), counts_.running);
  if (!counts_.total_known) {
    if (pace_.per_second() > 0) text += ", " + rate_text(pace_.per_second());
  } else if (done < counts_.total) {
    if (const auto left = pace_.time_for(counts_.total - done)) text += ", eta " + whole_duration(*left);
  }
  return text;
}

}  // namespace drover
