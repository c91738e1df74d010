#include "runner/jobfile/function_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runner/jobfile/suggestion.hpp"

namespace drover {
namespace {

constexpr std::size_t kMostShown = 20;

// "known: a, b and 3 more"
std::string list_of(std::vector<std::string> known) {
  if (known.empty()) return "no function is known; give the plugin that holds it";
  std::sort(known.begin(), known.end());
  std::string out = "known: ";
  for (std::size_t i = 0; i < known.size() && i < kMostShown; ++i) out += (i == 0 ? "" : ", ") + known[i];
  if (known.size() > kMostShown) out += fmt::format(" and {} more", known.size() - kMostShown);
  return out;
}

}  // namespace

bool check_functions(const Job& job, const std::string& file, const std::vector<std::string>& known,
                     std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string_view> sorted(known.begin(), known.end());
  std::sort(sorted.begin(), sorted.end());
  std::string list;  // made for the first mistake only
  bool all_known = true;
  for (const FunctionUse& use : job.functions) {
    if (std::binary_search(sorted.begin(), sorted.end(), std::string_view(use.name))) continue;
    all_known = false;
    if (list.empty()) list = list_of(known);
    Nearest nearest(use.name);
    for (const std::string_view name : sorted) nearest.offer(name);
    std::string text = fmt::format("unknown function {}; ", quoted(use.name));
    if (nearest.found()) text += fmt::format("did you mean {}? ", quoted(*nearest.found()));
    diagnostics.push_back({file, use.line, use.column, text + list});
  }
  return all_known;
}

}  // namespace drover
