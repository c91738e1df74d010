#include "runner/plan/halt.hpp"

namespace drover {
namespace {

std::uint64_t what_counts(HaltPolicy::Why why, const PlanCounts& counts) {
  switch (why) {
    case HaltPolicy::Why::Fail:
      return counts.failed;
    case HaltPolicy::Why::Success:
      return counts.succeeded;
    case HaltPolicy::Why::Done:
      return counts.succeeded + counts.failed;
  }
  return 0;
}

}  // namespace

bool halt_fires(const HaltPolicy& policy, const PlanCounts& counts, bool input_ended) {
  if (policy.when == HaltPolicy::When::Never || policy.count == 0) return false;
  const std::uint64_t met = what_counts(policy.why, counts);
  if (met == 0) return false;
  if (!policy.percent) return met >= policy.count;
  if (input_ended) return met * 100 >= policy.count * counts.total;
  if (policy.why != HaltPolicy::Why::Fail || met < kFailuresBeforePercent) return false;
  return met * 100 >= policy.count * (counts.succeeded + counts.failed);
}

}  // namespace drover
