#include "runner/plan/balance.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace drover;
using namespace std::chrono_literals;

namespace {

LengthEstimate estimate_of(Duration length) {
  LengthEstimate estimate;
  estimate.add(length);
  return estimate;
}

}  // namespace

TEST_CASE("a length is unknown before the first measurement and exact after it") {
  LengthEstimate estimate;
  CHECK_FALSE(estimate.known());
  CHECK(estimate.length() == std::nullopt);
  estimate.add(30us);
  CHECK(estimate.known());
  CHECK(*estimate.length() == 30us);
}

TEST_CASE("a run is measured by the task, and a task that took no time took a nanosecond") {
  LengthEstimate estimate;
  estimate.add(64us, 32);
  CHECK(*estimate.length() == 2us);
  CHECK(*estimate_of(0ns).length() == 1ns);
}

TEST_CASE("the first measurements are averaged evenly") {
  LengthEstimate estimate;
  for (const Duration length : {10us, 20us, 30us, 40us}) estimate.add(length);
  CHECK(*estimate.length() == 25us);
}

TEST_CASE("one hiccup of the machine moves the estimate by less than half") {
  LengthEstimate estimate;
  for (int i = 0; i < 20; ++i) estimate.add(10us);
  estimate.add(1s);
  CHECK(*estimate.length() > 10us);
  CHECK(*estimate.length() < 15us);
}

TEST_CASE("tasks that changed their length for good are believed in the end, longer or shorter") {
  LengthEstimate estimate;
  for (int i = 0; i < 20; ++i) estimate.add(10us);
  for (int i = 0; i < 60; ++i) estimate.add(10ms);
  CHECK(*estimate.length() > 9ms);
  for (int i = 0; i < 80; ++i) estimate.add(10us);
  CHECK(*estimate.length() < 12us);
}

TEST_CASE("a lane holds one task of unknown length, and one of ten milliseconds or more") {
  CHECK(lane_depth(LengthEstimate{}, 512) == 1);
  CHECK(lane_depth(estimate_of(10ms), 512) == 1);
  CHECK(lane_depth(estimate_of(1h), 512) == 1);
}

TEST_CASE(
    "a lane of shorter tasks holds one ahead at least, a millisecond of them at best, the cap at most") {
  CHECK(lane_depth(estimate_of(10ms - 1ns), 512) == 2);
  CHECK(lane_depth(estimate_of(600us), 512) == 2);
  CHECK(lane_depth(estimate_of(500us), 512) == 3);
  CHECK(lane_depth(estimate_of(10us), 512) == 101);
  CHECK(lane_depth(estimate_of(10us), 64) == 64);
  CHECK(lane_depth(estimate_of(1ns), 512) == 512);
  CHECK(lane_depth(estimate_of(10us), 1) == 1);
}

TEST_CASE("an entry stands for fifty microseconds of short tasks and for one long or unknown task") {
  CHECK(run_length(LengthEstimate{}, 64) == 1);
  CHECK(run_length(estimate_of(26us), 64) == 1);
  CHECK(run_length(estimate_of(25us), 64) == 2);
  CHECK(run_length(estimate_of(5us), 64) == 10);
  CHECK(run_length(estimate_of(100ns), 64) == 64);
  CHECK(run_length(estimate_of(5us), 1) == 1);
}

TEST_CASE("nothing is recalled from lanes that have nothing to give") {
  CHECK(choose_recall({}) == std::nullopt);
  const std::vector<LaneLoad> loads = {{.not_begun = 0, .length = 1ms, .in_hand_for = 1h}, {}};
  CHECK(choose_recall(loads) == std::nullopt);
}

TEST_CASE("half of the most loaded lane by time is recalled, rounded up, the first of equals") {
  const std::vector<LaneLoad> loads = {{.not_begun = 100, .length = 5us, .in_hand_for = 0ns},
                                       {.not_begun = 7, .length = 1ms, .in_hand_for = 0ns},
                                       {.not_begun = 7, .length = 1ms, .in_hand_for = 0ns}};
  CHECK(choose_recall(loads) == Recall{1, 4});
  CHECK(choose_recall(std::span(loads).first(1)) == Recall{0, 50});
}

TEST_CASE("a lane that will be done at once is left alone, unless its present task holds it up") {
  LaneLoad load = {.not_begun = 9, .length = 10us, .in_hand_for = 0us};
  CHECK(choose_recall({&load, 1}) == std::nullopt);  // 100 us
  load.not_begun = 10;
  CHECK(choose_recall({&load, 1}) == Recall{0, 5});
  load.not_begun = 1;
  load.in_hand_for = 80us;  // overdue: 80 us more, and 10 us
  CHECK(choose_recall({&load, 1}) == std::nullopt);
  load.in_hand_for = 1ms + 1ns;
  CHECK(choose_recall({&load, 1}) == Recall{0, 1});
}

TEST_CASE("a lane whose task in hand runs over counts as loaded for as long again") {
  const std::vector<LaneLoad> loads = {{.not_begun = 20, .length = 1ms, .in_hand_for = 100us},
                                       {.not_begun = 4, .length = 1ms, .in_hand_for = 30ms}};
  CHECK(choose_recall(loads) == Recall{1, 2});
}

TEST_CASE("tasks of unknown length are recalled, and weigh ten milliseconds each") {
  const std::vector<LaneLoad> loads = {{.not_begun = 2, .length = std::nullopt, .in_hand_for = std::nullopt},
                                       {.not_begun = 15, .length = 1ms, .in_hand_for = std::nullopt}};
  CHECK(choose_recall(loads) == Recall{0, 1});
}
