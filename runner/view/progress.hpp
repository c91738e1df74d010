// How far the run is, for a person: a status line on a terminal (bar), or now and then a line (plain). Says
// when it wants to be called again and has no timer of its own: where nothing changes, nothing wakes. Knows
// nothing of terminals but whether there is one: drawing, cutting and erasing are the output stage's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "runner/view/counts.hpp"

namespace drover {

enum class ProgressStyle : std::uint8_t {
  Auto,   // Bar on a terminal that is not dumb, else Plain
  Bar,    // at most 10 times a second
  Plain,  // at changes, at most every 10 s, the first after 10 s
  None,
};

// Tasks a second: the mean of the run so far, in which what is longer ago counts less and less.
class Pace {
 public:
  explicit Pace(Instant start) : last_(start) {}
  void sample(std::uint64_t done, Instant moment);
  // Zero until something is done.
  [[nodiscard]] double per_second() const { return per_second_; }
  // Nothing while unknown, or too far away to mean anything (1000 hours).
  [[nodiscard]] std::optional<Duration> time_for(std::uint64_t tasks) const;

 private:
  Instant last_;
  std::uint64_t done_ = 0;
  double per_second_ = 0;
};

class Progress {
 public:
  struct Display {
    std::function<void(std::string)> status;  // OutputStage::set_status
    std::function<void(std::string)> line;    // OutputStage::note
  };

  // The descriptor is only asked whether it is a terminal.
  Progress(ProgressStyle style, int err_fd, Display display, Instant start);

  // `newest` is the shown name of the task that was begun last. Cheap: may be called for every task.
  void changed(const Counts& counts, std::string_view newest, Instant moment);
  // Shows what has changed, when its time has come.
  void tick(Instant moment);
  // When tick() should be called; nothing while all is shown.
  [[nodiscard]] std::optional<Instant> next_wake() const;
  // Takes the status line away. Nothing is shown any more.
  void finish();

  [[nodiscard]] ProgressStyle style() const { return style_; }

 private:
  [[nodiscard]] std::string bar_text(Instant moment) const;
  [[nodiscard]] std::string plain_text() const;

  ProgressStyle style_;
  const Display display_;
  const Instant start_;
  Instant next_;  // the earliest moment for the next line
  Pace pace_;
  Counts counts_;
  std::string newest_;
  bool changed_ = false;
};

}  // namespace drover
