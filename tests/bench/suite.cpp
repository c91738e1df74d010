#include <utility>

#include "common/check.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/load.hpp"

namespace drover::bench {
namespace {

// Takes one sample of a side into its row. On failure the row stays as it was and the reason returns.
std::optional<std::string> take_into(Row& row, const Side& side, std::chrono::milliseconds deadline) {
  try {
    const Sample sample = take_guarded(side.sampler, deadline);
    // A ratio to it would say nothing, and no speed or latency is zero.
    if (!(sample.value > 0)) return side.name + ": measured nothing";
    row.samples.push_back(sample.value);
    if (sample.tail > 0) row.tails.push_back(sample.tail);
    return std::nullopt;
  } catch (const CannotMeasure& error) {
    return side.name + ": " + error.what();
  }
}

PairResult measure_pair(const Pair& pair, const Suite::Options& options) {
  PairResult result;
  result.ours = {pair.group, pair.ours.name, pair.unit, {}, {}};
  result.peer = {pair.group, pair.peer.name, pair.unit, {}, {}};
  result.target = pair.target;
  if (!pair.peer.missing.empty() || !pair.ours.missing.empty()) {
    const Side& side = pair.ours.missing.empty() ? pair.peer : pair.ours;
    result.left_out = side.name + ": " + side.missing;
    return result;
  }
  const auto turn = [&](Row& ours, Row& peer) {
    if (const auto reason = take_into(ours, pair.ours, options.deadline)) {
      result.left_out = *reason;
      result.ours_failed = true;
    } else if (const auto peers_reason = take_into(peer, pair.peer, options.deadline)) {
      result.left_out = *peers_reason;
    }
    return result.left_out.empty();
  };
  Row discarded;  // the first turn of each side loads programs and libraries into the page cache
  if (!turn(discarded, discarded)) return result;
  const LoadMark begin = mark_load();
  for (unsigned round = 0; round < options.rounds; ++round) {
    if (!turn(result.ours, result.peer)) return result;
    result.ratios.push_back(result.ours.samples.back() / result.peer.samples.back());
  }
  result.foreign_cpus = foreign_cpus(begin, mark_load());
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

double median_ratio(const PairResult& result) {
  DROVER_CHECK(result.left_out.empty());
  return median(result.ratios);
}

std::optional<bool> target_met(const PairResult& result) {
  if (!result.target) return std::nullopt;
  const bool of_ratio = result.target->of == Target::Of::Ratio;
  return result.target->met_by(of_ratio ? median_ratio(result) : median(result.ours.samples));
}

std::vector<const Pair*> Suite::selected(const std::string& filter) const {
  std::vector<const Pair*> chosen;
  for (const Pair& pair : pairs_) {
    if (contains(pair.group, filter) || contains(pair.ours.name, filter) ||
        contains(pair.peer.name, filter)) {
      chosen.push_back(&pair);
    }
  }
  return chosen;
}

void Suite::run(const Options& options, const std::function<void(const PairResult&)>& on_result) const {
  DROVER_CHECK(options.rounds > 0);
  for (const Pair* pair : selected(options.filter)) on_result(measure_pair(*pair, options));
}

}  // namespace drover::bench
