// The plan against a naive model, over random histories.
#include <algorithm>
#include <random>

#include "tests/runner/plan_model.hpp"

using namespace drover;
using namespace drover::plan_testing;

namespace {

struct Held {
  TaskId first;
  std::uint32_t count;
  Attempt attempt;
};

// One history: plan and model hear the same events, and must say the same.
class History {
 public:
  History(std::uint32_t seed, HaltPolicy halt, TaskId size)
      : random_(seed), plan_(halt), model_(halt), size_(size), whole_graph_(seed % 3 == 0) {
    // A file of few groups, or of many small ones.
    groups_ = pick(2) == 0 ? 1 : 4;
    needs_ = pick(3) == 0 ? 0 : pick(4);
    failures_ = pick(3) == 0 ? 0 : 5 + pick(40);
    most_ = pick(2) == 0 ? 3 : 200;
  }

  void play() {
    if (whole_graph_) {
      while (model_.size() < size_) add();
      end_input();
    }
    for (std::uint32_t step = 0; !plan_.over(); ++step) {
      REQUIRE(step < 100 * (size_ + 400));  // else it hangs
      one_event();
      compare();
      if (step % 64 == 0) plan_.check_invariants();
    }
    CHECK(model_.over());
    plan_.check_invariants();
    for (TaskId id = 1; id <= model_.size(); ++id) REQUIRE(plan_.state_of(id) == model_.state(id));
  }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool chance(std::uint32_t percent) { return pick(100) < percent; }

  void one_event() {
    const std::uint32_t dice = pick(1000);
    if (dice < 300 && !ended_) {
      if (model_.size() < size_) {
        add();
      } else {
        end_input();
      }
    } else if (dice < 600 || held_.empty()) {
      take();
    } else if (dice < 640) {
      put_back();
    } else if (dice < 650) {
      lie();
    } else if (dice < 655) {
      const TaskId id = pick(static_cast<std::uint32_t>(model_.size()) + 2);
      CHECK(plan_.cancel(id, told_) == model_.cancel(id, expected_));
    } else if (dice < 656 && chance(10)) {
      const int kind = 1 + static_cast<int>(pick(2));
      plan_.stop(static_cast<StopKind>(kind), told_);
      model_.stop(kind, expected_);
    } else {
      finish();
    }
  }

  void add() {
    if (needs_ == 0 && chance(50)) {
      const std::uint32_t count = 1 + pick(chance(10) ? 400 : 20);
      const auto kind = chance(50) ? TaskKind::Function : TaskKind::Command;
      CHECK(plan_.add_run(count, kind, 1, 1, told_) == model_.size() + 1);
      Actions each;
      for (std::uint32_t i = 0; i < count; ++i) model_.add({kind, 1, 1, {}, false}, each);
      // In a run that is being stopped they are told as one.
      if (!each.empty()) expected_.push_back(cancelled(model_.size() - count + 1, 0, count));
      return;
    }
    Model::Task task{
        chance(70) ? TaskKind::Command : TaskKind::Function, pick(groups_), pick(3), {}, chance(5)};
    const TaskId id = model_.size() + 1;
    for (std::uint32_t i = pick(needs_ + 1); i > 0 && chance(70); --i) {
      // Later needs follow a rule that keeps circles out: odd tasks may need even ones that lie ahead, and
      // even ones need only earlier even ones.
      TaskId need = 1 + random_() % size_;
      if (id % 2 == 0) need &= ~TaskId{1};
      const bool ahead = need > id && whole_graph_ && id % 2 == 1 && need % 2 == 0;
      if (need != 0 && (need < id || ahead)) task.after.push_back(need);
    }
    CHECK(plan_.add({task.kind, task.group, task.retries, task.after, task.alone}, told_) == id);
    model_.add(task, expected_);
  }

  void end_input() {
    ended_ = true;
    plan_.input_ended(told_);
    model_.input_ended(expected_);
  }

  void take() {
    const auto kind = chance(50) ? TaskKind::Command : TaskKind::Function;
    const std::uint32_t most = pick(most_);
    const std::optional<TaskRun> first = plan_.first_ready(kind);
    const std::optional<TaskRun> run = plan_.take_ready(kind, most);
    REQUIRE(run == model_.take(kind, most));
    if (!run) return;
    REQUIRE(first);
    CHECK((first->first == run->first && first->group == run->group && first->alone == run->alone));
    held_.push_back({run->first, run->count, run->attempt});
  }

  // Takes a piece of what is held, any part of a run.
  Held pull(std::uint32_t most) {
    const std::size_t which = pick(static_cast<std::uint32_t>(held_.size()));
    const Held whole = held_[which];
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
    const std::uint32_t skip = pick(whole.count);
    const std::uint32_t count = std::min(whole.count - skip, 1 + pick(most));
    if (skip != 0) held_.push_back({whole.first, skip, whole.attempt});
    const std::uint32_t rest = whole.count - skip - count;
    if (rest != 0) held_.push_back({whole.first + skip + count, rest, whole.attempt});
    return {whole.first + skip, count, whole.attempt};
  }

  void put_back() {
    const Held part = pull(100);
    CHECK(plan_.put_back({.first = part.first, .count = part.count, .attempt = part.attempt}, told_));
    CHECK(model_.put_back(part.first, part.count, part.attempt, expected_));
  }

  void finish() {
    if (!chance(failures_) && chance(60)) {
      const Held part = pull(200);
      CHECK(plan_.on_succeeded(part.first, part.count, part.attempt, told_));
      CHECK(model_.succeeded(part.first, part.count, part.attempt, expected_));
      return;
    }
    const Held part = pull(1);
    const auto kind =
        chance(failures_) ? static_cast<OutcomeKind>(1 + pick(kLastOutcomeKind)) : OutcomeKind::Succeeded;
    CHECK(plan_.on_outcome(part.first, part.attempt, kind, told_));
    CHECK(model_.outcome(part.first, part.attempt, kind, expected_));
  }

  void lie() {
    const TaskId first = pick(static_cast<std::uint32_t>(size_) + 10);
    const std::uint32_t count = pick(5);
    const Attempt attempt = pick(4);
    // A lie that happens to be true would leave `held_` wrong.
    for (const Held& held : held_) {
      if (first < held.first + held.count && held.first < first + std::max(count, 1U)) return;
    }
    CHECK_FALSE(plan_.on_succeeded(first, count, attempt, told_));
    CHECK_FALSE(plan_.on_outcome(first, attempt, OutcomeKind::Failed, told_));
    CHECK_FALSE(plan_.put_back({.first = first, .count = count, .attempt = attempt}, told_));
  }

  void compare() {
    REQUIRE(told_ == expected_);
    REQUIRE(plan_.counts() == model_.counts());
    REQUIRE(plan_.over() == model_.over());
    told_.clear();
    expected_.clear();
  }

  std::mt19937 random_;
  Plan plan_;
  Model model_;
  TaskId size_;
  bool whole_graph_;
  bool ended_ = false;
  std::uint32_t groups_ = 1;
  std::uint32_t needs_ = 0;
  std::uint32_t failures_ = 0;
  std::uint32_t most_ = 3;
  std::vector<Held> held_;
  Actions told_;
  Actions expected_;
};

HaltPolicy some_halt(std::uint32_t seed) {
  if (seed % 2 == 0) return {};
  return {.when = static_cast<HaltPolicy::When>(1 + seed / 2 % 2),
          .why = static_cast<HaltPolicy::Why>(seed / 4 % 3),
          .count = 1 + seed / 12 % 40,
          .percent = seed / 24 % 2 == 0};
}

}  // namespace

TEST_CASE("over random histories of small runs the plan says what a naive model says") {
  for (std::uint32_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    History(seed, some_halt(seed), 1 + seed % 60).play();
  }
}

TEST_CASE("over random histories of runs of several blocks the plan says what a naive model says") {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    History(seed, seed % 4 == 3 ? some_halt(seed + 24) : HaltPolicy{}, 2500).play();
  }
}
