// Reads the lines that a task writes to its progress descriptor: `40%`, `12/300`, `12/300 unpacking files`.
// What it does not understand it skips. Bounded memory whatever comes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

struct Progress {
  std::uint64_t done = 0, total = 0;  // total > 0; a percentage is of 100
  std::string text;

  bool operator==(const Progress&) const = default;
};

// One line without its end. Blanks around its parts do not count; a fraction of a percent is cut off.
[[nodiscard]] std::optional<Progress> parse_progress(std::string_view line);

class ProgressLines {
 public:
  static constexpr std::size_t kMostLine = 512;  // the rest of a longer line is cut off

  // In pieces of any size; a line ends with \n or \r. Returns the last one that these bytes have completed
  // and that was understood.
  [[nodiscard]] std::optional<Progress> feed(std::string_view bytes);
  // Nothing comes any more: what was written without a line's end.
  [[nodiscard]] std::optional<Progress> finish();

 private:
  std::string line_;
};

}  // namespace drover
