#include "worker/burial.hpp"

#include <signal.h>

#include <algorithm>

#include "common/own_children.hpp"

namespace drover {

std::vector<BuriedWorker> Burial::settle(std::span<const pid_t> strays, Instant now) {
  for (const pid_t pid : strays) {
    const bool is_new = strays_.try_emplace(pid, Stray{now + give_up_after_}).second;
    // Nobody but the keeper reaps its children, so the number is still this process's.
    if (is_new) ::kill(pid, SIGKILL);
  }
  std::vector<BuriedWorker> buried;
  while (!graves_.empty() && (!anyone_pending() || now >= graves_.front().deadline))
    buried.push_back(close_front(now));
  return buried;
}

std::optional<Instant> Burial::deadline() const {
  if (graves_.empty()) return std::nullopt;
  return graves_.front().deadline;
}

bool Burial::anyone_pending() const {
  return std::any_of(strays_.begin(), strays_.end(), [](const auto& each) { return !each.second.told; });
}

BuriedWorker Burial::close_front(Instant now) {
  BuriedWorker buried{graves_.front().worker, 0, {}};
  graves_.pop_front();
  for (auto& [pid, stray] : strays_) {
    // One that was killed a moment ago is left to a later burial, if there is one.
    if (stray.told || (now < stray.deadline && !graves_.empty())) continue;
    stray.told = true;
    ++buried.unkillable;
    if (!buried.unkillable_names.empty()) buried.unkillable_names += ", ";
    buried.unkillable_names += process_label(pid);
  }
  return buried;
}

}  // namespace drover
