#include "runner/jobfile/links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "runner/jobfile/cycles.hpp"

namespace drover {
namespace {

// A suggestion looks at all names: enough of them for a person, not so many that a broken file takes minutes.
constexpr std::size_t kMostSuggestions = 20;
constexpr std::size_t kMostShownOfCycle = 8;

class Linker {
 public:
  Linker(TaskNames& names, std::vector<TaskSpec>& tasks, const std::string& file,
         std::vector<Diagnostic>& diagnostics, std::uint64_t most_edges)
      : names_(names), tasks_(tasks), file_(file), diagnostics_(diagnostics), edges_left_(most_edges) {}

  // False when there are more edges than a job may have: the rest is not worth reading then.
  bool link(const After& after) {
    if (const auto id = names_.find(after.written)) return add(after, std::span(&*id, 1), 0);
    if (!is_glob(after.written)) {
      complain(after, unknown(after.written));
      return true;
    }
    const std::vector<TaskId>& ids = names_.matching(after.written);
    if (ids.empty()) {
      complain(after,
               fmt::format("no task has a name like {}; correct it or remove it", quoted(after.written)));
    } else if (ids.size() == 1 && ids.front() == after.task) {
      complain(after, fmt::format("no task but this one has a name like {}; correct it or remove it",
                                  quoted(after.written)));
    }
    return add(after, ids, after.task);
  }

 private:
  void complain(const After& after, std::string text) {
    diagnostics_.push_back({file_, after.line, after.column, std::move(text)});
  }

  std::string unknown(const std::string& name) {
    const std::string text = fmt::format("no task is named {}; ", quoted(name));
    if (suggestions_++ < kMostSuggestions) {
      if (const auto nearest = names_.nearest(name))
        return text + fmt::format("did you mean {}?", quoted(*nearest));
    }
    return text + "correct it or remove it";
  }

  bool add(const After& after, std::span<const TaskId> ids, TaskId except) {
    if (ids.size() > edges_left_) {
      complain(after, fmt::format(
                          "{} makes more pairs of waiting tasks than one job may have; let one task wait for "
                          "these, and the others wait for that one",
                          quoted(after.written)));
      return false;
    }
    edges_left_ -= ids.size();
    std::vector<TaskId>& into = tasks_[after.task - 1].after;
    std::remove_copy(ids.begin(), ids.end(), std::back_inserter(into), except);
    return true;
  }

  TaskNames& names_;
  std::vector<TaskSpec>& tasks_;
  const std::string& file_;
  std::vector<Diagnostic>& diagnostics_;
  std::uint64_t edges_left_;
  std::size_t suggestions_ = 0;
};

std::string describe_cycle(const std::vector<TaskId>& cycle, const std::vector<TaskSpec>& tasks) {
  const auto name = [&tasks](TaskId id) { return quoted(tasks[id - 1].shown_name(id)); };
  if (cycle.size() == 1)
    return fmt::format("{} waits for itself; remove it from its after", name(cycle.front()));
  std::string text = name(cycle.front());
  const std::size_t shown = std::min(cycle.size(), kMostShownOfCycle);
  for (std::size_t i = 1; i < shown; ++i) text += " after " + name(cycle[i]);
  if (shown < cycle.size()) text += fmt::format(" after {} more", cycle.size() - shown);
  return fmt::format("tasks wait for each other in a circle: {} after {}; remove one of these from an after",
                     text, name(cycle.front()));
}

// Where the first task of the circle says that it waits.
const After& place_of(const std::vector<TaskId>& cycle, const std::vector<After>& afters) {
  const auto by_task = [](const After& after, TaskId task) { return after.task < task; };
  return *std::lower_bound(afters.begin(), afters.end(), cycle.front(), by_task);
}

}  // namespace

void link_tasks(const std::vector<After>& afters, TaskNames& names, std::vector<TaskSpec>& tasks,
                const std::string& file, std::vector<Diagnostic>& diagnostics, std::uint64_t most_edges) {
  Linker linker(names, tasks, file, diagnostics, most_edges);
  for (std::size_t i = 0; i < afters.size(); ++i) {
    if (!linker.link(afters[i])) return;
    if (i + 1 < afters.size() && afters[i + 1].task == afters[i].task) continue;
    std::vector<TaskId>& ids = tasks[afters[i].task - 1].after;
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }
  for (const std::vector<TaskId>& cycle : find_cycles(tasks)) {
    const After& place = place_of(cycle, afters);
    diagnostics.push_back({file, place.line, place.column, describe_cycle(cycle, tasks)});
  }
}

}  // namespace drover
