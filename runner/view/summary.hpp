// What is said of a task that failed, and at the end of a run. Texts only: nothing here writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/captured.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/outcome.hpp"
#include "runner/view/counts.hpp"

namespace drover {

inline constexpr std::size_t kTailBytes = 4096;
inline constexpr std::size_t kTailLines = 10;
inline constexpr std::size_t kNamedFailures = 10;

// Show: the note ends with the last lines of stderr. ShownAlready: the user has them before his eyes.
enum class StderrTail : std::uint8_t { Show, ShownAlready };

// The last bytes of what a task printed, a few more than the note needs. Empty when they cannot be read.
[[nodiscard]] std::string read_tail(const CapturedStream& stream);

// "drover: task #2 failed (exit 3) after 0.00s (attempt 2 of 3): message", then the tail. Ends with a
// newline. `attempts` is how many it may have at most.
[[nodiscard]] std::string failure_note(std::string_view shown_name, const Outcome& outcome, Attempt attempt,
                                       Attempt attempts, std::string_view stderr_tail, StderrTail tail);

struct Closing {
  Counts counts;
  Duration wall{0};
  Duration cpu{0};  // of the tasks
  std::uint64_t workers = 0;
  std::uint64_t lost_workers = 0;
  std::vector<std::string> failed;  // shown names, in the order of failing; the first ten suffice
};

// "drover: 1000 tasks: 998 succeeded, 2 failed in 12.3 s (cpu 23.9 s, 2 workers)", then a line that names the
// first that failed. Ends with a newline.
[[nodiscard]] std::string closing_summary(const Closing& closing);

}  // namespace drover
