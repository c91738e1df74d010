#include "runner/jobfile/suggestion.hpp"

#include <algorithm>

namespace drover {

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > limit) return limit + 1;
  // Three rows of the usual table: the row before last is for swapped neighbours.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > limit) return limit + 1;
    before.swap(above);
    above.swap(row);
  }
  return std::min(above[b.size()], limit + 1);
}

Nearest::Nearest(std::string_view word) : word_(word), limit_(std::max<std::size_t>(1, word.size() / 3)) {}

void Nearest::offer(std::string_view candidate) {
  // A one-letter word is one change away from every other one: that is no likeness.
  if (candidate.empty() || word_.size() < 2) return;
  if (found_ && limit_ == 0) return;
  const std::size_t limit = found_ ? limit_ - 1 : limit_;
  const std::size_t distance = edit_distance(word_, candidate, limit);
  if (distance > limit || distance >= candidate.size()) return;
  limit_ = distance;
  found_ = candidate;
}

}  // namespace drover
