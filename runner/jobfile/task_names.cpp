#include "runner/jobfile/task_names.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "common/check.hpp"
#include "runner/jobfile/suggestion.hpp"

namespace drover {

bool is_glob(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

bool TaskNames::add(const std::string& name, TaskId id) {
  DROVER_CHECK(sorted_.empty());
  return ids_.emplace(name, id).second;
}

std::optional<TaskId> TaskNames::find(const std::string& name) const {
  const auto at = ids_.find(name);
  if (at == ids_.end()) return std::nullopt;
  return at->second;
}

const std::vector<TaskId>& TaskNames::matching(const std::string& glob) {
  const auto [entry, is_new] = matches_.try_emplace(glob);
  std::vector<TaskId>& ids = entry->second;
  if (!is_new) return ids;
  if (sorted_.empty()) {
    sorted_.assign(ids_.begin(), ids_.end());
    std::sort(sorted_.begin(), sorted_.end());
  }
  // Names that share a beginning are neighbours in sorted_. A backslash makes the next character literal:
  // stop there.
  const std::string_view beginning = std::string_view(glob).substr(0, glob.find_first_of("*?[\\"));
  auto at = std::lower_bound(sorted_.begin(), sorted_.end(), beginning,
                             [](const auto& known, std::string_view wanted) { return known.first < wanted; });
  for (; at != sorted_.end() && at->first.starts_with(beginning); ++at) {
    // The view is of a whole std::string, so a zero byte follows.
    if (::fnmatch(glob.c_str(), at->first.data(), 0) == 0) ids.push_back(at->second);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::optional<std::string_view> TaskNames::nearest(std::string_view name) const {
  // Ties go to the first task: the map's order must not show.
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  TaskId best_id = 0;
  for (const auto& [known, id] : ids_) {
    Nearest one(name);
    one.offer(known);
    if (!one.found()) continue;
    const std::size_t limit = best ? best_distance : std::max(name.size(), known.size());
    const std::size_t distance = edit_distance(name, known, limit);
    if (best && (distance > best_distance || (distance == best_distance && id > best_id))) continue;
    best = known;
    best_distance = distance;
    best_id = id;
  }
  return best;
}

}  // namespace drover
