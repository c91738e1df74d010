// "Did you mean …": the known word that is nearest to a wrong one.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace drover {

// Changes, insertions, deletions and swaps of neighbours that turn one word into the other; `limit` + 1 when
// there are more than `limit`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The first of the nearest candidates, or nothing when none is near enough to be meant: a third of the word's
// letters may be wrong, and at least one.
class Nearest {
 public:
  explicit Nearest(std::string_view word);
  void offer(std::string_view candidate);
  [[nodiscard]] std::optional<std::string_view> found() const { return found_; }

 private:
  std::string_view word_;
  std::size_t limit_;  // a candidate must be within this
  std::optional<std::string_view> found_;
};

}  // namespace drover
