// What is compared, and how: pairs of (drover, a peer or a physical limit), measured in turns A B A B … in
// one run, so that a busy moment of the machine meets both sides. Knows nothing of how a side measures or how
// a table looks.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/guarded.hpp"

namespace drover::bench {

// One line of numbers: every sample of one side.
struct Row {
  std::string group;
  std::string name;
  std::string unit;
  std::vector<double> samples;
  std::vector<double> tails;  // 99th percentiles; empty unless the row is a latency
};

// What a pair should reach. Ratio: the median of ours/peer; Value: the median of ours alone.
struct Target {
  enum class Of { Ratio, Value };
  enum class Bound { AtLeast, AtMost };
  Of of = Of::Ratio;
  Bound bound = Bound::AtLeast;
  double value = 0;

  [[nodiscard]] bool met_by(double measured) const {
    return bound == Bound::AtLeast ? measured >= value : measured <= value;
  }
};

[[nodiscard]] inline Target at_least(double ratio) {
  return {Target::Of::Ratio, Target::Bound::AtLeast, ratio};
}
[[nodiscard]] inline Target at_most(double ratio) {
  return {Target::Of::Ratio, Target::Bound::AtMost, ratio};
}
[[nodiscard]] inline Target value_at_most(double value) {
  return {Target::Of::Value, Target::Bound::AtMost, value};
}

struct Side {
  std::string name;
  Sampler sampler;
  std::string missing;  // not empty: why this machine cannot measure it, in a few words
};

struct Pair {
  std::string group;  // what is measured; pairs of one group stand together
  std::string unit;
  Side ours;
  Side peer;
  std::optional<Target> target;
};

struct PairResult {
  Row ours;
  Row peer;
  std::vector<double> ratios;  // ours/peer of each round
  std::optional<Target> target;
  double foreign_cpus = 0;   // how many CPUs other processes kept busy meanwhile
  std::string left_out;      // not empty: there are no numbers, and why
  bool ours_failed = false;  // drover's own side gave no number: an error, not a missing peer
};

// Precondition: result.left_out is empty.
[[nodiscard]] double median_ratio(const PairResult& result);
// Whether the target is met; nothing where there is none. Same precondition.
[[nodiscard]] std::optional<bool> target_met(const PairResult& result);

class Suite {
 public:
  struct Options {
    unsigned rounds = 15;
    std::string filter;  // a pair is measured if its group or a side's name contains it
    std::chrono::milliseconds deadline{20'000};  // of one sample
  };

  void add(Pair pair) { pairs_.push_back(std::move(pair)); }
  // In the order of their addition; the view ends with the suite.
  [[nodiscard]] std::vector<const Pair*> selected(const std::string& filter) const;
  // Measures the selected pairs one after the other and hands over each result as soon as it is complete. A
  // side that fails once ends its pair, not the run. Throws Interrupted.
  void run(const Options& options, const std::function<void(const PairResult&)>& on_result) const;

 private:
  std::vector<Pair> pairs_;
};

}  // namespace drover::bench
