#include "runner/jobfile/halt.hpp"

#include <fmt/format.h>

#include <charconv>

#include "runner/jobfile/diagnostic.hpp"

namespace drover {
namespace {

using When = HaltRule::When;
using Why = HaltRule::Why;

constexpr std::string_view kHow = "write never, or WHEN,WHY=N such as now,fail=1 or soon,fail=10%";

// "3" or "10%" into the rule's count.
Parsed<HaltRule> with_count(HaltRule rule, std::string_view number, std::string_view whole) {
  rule.percent = !number.empty() && number.back() == '%';
  if (rule.percent) number.remove_suffix(1);
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, rule.count);
  if (number.empty() || error != std::errc{} || stop != end) {
    return Mistake{fmt::format("the number of {} is not one; {}", quoted(whole), kHow)};
  }
  if (rule.count == 0) {
    return Mistake{
        fmt::format("{} would halt before the first task; write 1 or more, or never", quoted(whole))};
  }
  if (rule.percent && rule.count > 100) {
    return Mistake{fmt::format("{} is more than all tasks; write at most 100%", quoted(whole))};
  }
  return rule;
}

}  // namespace

Parsed<HaltRule> parse_halt(std::string_view text) {
  if (text == "never" || text == "0") return HaltRule{};
  if (text == "1") return HaltRule{When::Soon, Why::Fail, 1, false};
  if (text == "2") return HaltRule{When::Now, Why::Fail, 1, false};
  if (text == "-1") return HaltRule{When::Soon, Why::Success, 1, false};
  if (text == "-2") return HaltRule{When::Now, Why::Success, 1, false};

  const auto comma = text.find(',');
  if (comma == std::string_view::npos) {
    if (text.ends_with('%')) return with_count({When::Soon, Why::Fail, 0, true}, text, text);
    return Mistake{fmt::format("{} is no halt rule; {}", quoted(text), kHow)};
  }
  HaltRule rule;
  const std::string_view when = text.substr(0, comma);
  if (when == "soon") {
    rule.when = When::Soon;
  } else if (when == "now") {
    rule.when = When::Now;
  } else {
    return Mistake{
        fmt::format("{} does not say when to halt; write now or soon before the comma", quoted(when))};
  }
  const auto equals = text.find('=', comma);
  const std::string_view why =
      text.substr(comma + 1, equals == std::string_view::npos ? equals : equals - comma - 1);
  if (why == "fail") {
    rule.why = Why::Fail;
  } else if (why == "success") {
    rule.why = Why::Success;
  } else if (why == "done") {
    rule.why = Why::Done;
  } else {
    return Mistake{
        fmt::format("{} does not say why to halt; write fail, success or done after the comma", quoted(why))};
  }
  if (equals == std::string_view::npos) {
    return Mistake{fmt::format("{} does not say how many; add =N or =N%", quoted(text))};
  }
  return with_count(rule, text.substr(equals + 1), text);
}

}  // namespace drover
