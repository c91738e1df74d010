#include <doctest/doctest.h>

#include "runner/jobfile/halt.hpp"

using drover::HaltRule;
using drover::parse_halt;
using When = HaltRule::When;
using Why = HaltRule::Why;

namespace {

std::string mistake_in(std::string_view text) {
  CAPTURE(text);
  const auto rule = parse_halt(text);
  REQUIRE_FALSE(rule.ok());
  return rule.mistake();
}

}  // namespace

TEST_CASE("a halt rule says when, why and how many") {
  CHECK(*parse_halt("now,fail=1") == HaltRule{When::Now, Why::Fail, 1, false});
  CHECK(*parse_halt("soon,fail=3") == HaltRule{When::Soon, Why::Fail, 3, false});
  CHECK(*parse_halt("now,success=2") == HaltRule{When::Now, Why::Success, 2, false});
  CHECK(*parse_halt("soon,done=100") == HaltRule{When::Soon, Why::Done, 100, false});
}

TEST_CASE("the number of a halt rule may be a share") {
  CHECK(*parse_halt("soon,fail=10%") == HaltRule{When::Soon, Why::Fail, 10, true});
  CHECK(*parse_halt("now,done=100%") == HaltRule{When::Now, Why::Done, 100, true});
}

TEST_CASE("never is a halt rule, and the default") {
  CHECK(*parse_halt("never") == HaltRule{});
  CHECK(HaltRule{}.when == When::Never);
}

TEST_CASE("the old spellings of halt rules keep their meaning") {
  CHECK(*parse_halt("0") == HaltRule{});
  CHECK(*parse_halt("1") == HaltRule{When::Soon, Why::Fail, 1, false});
  CHECK(*parse_halt("2") == HaltRule{When::Now, Why::Fail, 1, false});
  CHECK(*parse_halt("-1") == HaltRule{When::Soon, Why::Success, 1, false});
  CHECK(*parse_halt("-2") == HaltRule{When::Now, Why::Success, 1, false});
  CHECK(*parse_halt("30%") == HaltRule{When::Soon, Why::Fail, 30, true});
}

TEST_CASE("what is no halt rule is refused with the reason") {
  const std::string how = "write never, or WHEN,WHY=N such as now,fail=1 or soon,fail=10%";
  CHECK(mistake_in("") == "\"\" is no halt rule; " + how);
  CHECK(mistake_in("3") == "\"3\" is no halt rule; " + how);
  CHECK(mistake_in("now") == "\"now\" is no halt rule; " + how);
  CHECK(mistake_in("later,fail=1") ==
        "\"later\" does not say when to halt; write now or soon before the comma");
  CHECK(mistake_in("never,fail=1") ==
        "\"never\" does not say when to halt; write now or soon before the comma");
  CHECK(mistake_in("now,fails=1") ==
        "\"fails\" does not say why to halt; write fail, success or done after the comma");
  CHECK(mistake_in("now,=1") == "\"\" does not say why to halt; write fail, success or done after the comma");
  CHECK(mistake_in("now,fail") == "\"now,fail\" does not say how many; add =N or =N%");
  CHECK(mistake_in("now,fail=") == "the number of \"now,fail=\" is not one; " + how);
  CHECK(mistake_in("now,fail=x") == "the number of \"now,fail=x\" is not one; " + how);
  CHECK(mistake_in("now,fail=1x") == "the number of \"now,fail=1x\" is not one; " + how);
  CHECK(mistake_in("now,fail=-1") == "the number of \"now,fail=-1\" is not one; " + how);
  CHECK(mistake_in("now,fail=99999999999999999999") ==
        "the number of \"now,fail=99999999999999999999\" is not one; " + how);
  CHECK(mistake_in("%") == "the number of \"%\" is not one; " + how);
  CHECK(mistake_in("now,fail=0") ==
        "\"now,fail=0\" would halt before the first task; write 1 or more, or never");
  CHECK(mistake_in("0%") == "\"0%\" would halt before the first task; write 1 or more, or never");
  CHECK(mistake_in("soon,fail=101%") == "\"soon,fail=101%\" is more than all tasks; write at most 100%");
}
