// The written names of a job's tasks: which is whose, and which ones a glob means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/ids.hpp"

namespace drover {

class TaskNames {
 public:
  // False, and nothing changes, when the name is taken. Not after the first call of matching().
  bool add(const std::string& name, TaskId id);
  [[nodiscard]] std::optional<TaskId> find(const std::string& name) const;
  // The ids of all names that the glob matches, ascending. Valid until the names are destroyed. Only names
  // that begin like the glob's literal beginning are looked at, and each glob is matched once.
  [[nodiscard]] const std::vector<TaskId>& matching(const std::string& glob);
  // A look at every name: for diagnostics.
  [[nodiscard]] std::optional<std::string_view> nearest(std::string_view name) const;

 private:
  std::unordered_map<std::string, TaskId> ids_;
  std::vector<std::pair<std::string_view, TaskId>> sorted_;  // views of the keys of ids_
  std::unordered_map<std::string, std::vector<TaskId>> matches_;
};

// Whether a written name is to be read as a glob: it holds one of * ? [
[[nodiscard]] bool is_glob(std::string_view text);

}  // namespace drover
