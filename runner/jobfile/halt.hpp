// The rule by which a run ends early: GNU parallel's --halt. Knows the rule only; who counts and stops is
// elsewhere.
#pragma once

#include <cstdint>
#include <string_view>

#include "runner/jobfile/parsed.hpp"

namespace drover {

struct HaltRule {
  enum class When { Never, Soon, Now };  // Soon: start no more; Now: stop the running ones too
  enum class Why { Fail, Success, Done };
  When when = When::Never;
  Why why = Why::Fail;
  std::uint64_t count = 0;  // 1 or more unless when is Never
  bool percent = false;     // count is a share of all tasks, 1 to 100

  friend bool operator==(const HaltRule&, const HaltRule&) = default;
};

// "never", "now,fail=1", "soon,done=10%", and the old spellings 0, 1, 2, -1, -2 and "N%" (soon,fail=N%).
[[nodiscard]] Parsed<HaltRule> parse_halt(std::string_view text);

}  // namespace drover
