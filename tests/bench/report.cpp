#include "tests/bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace drover::bench {
namespace {

constexpr std::size_t kColumns = 9;
constexpr std::array<const char*, kColumns> kTitles = {
    "drover", "median", "min..max", "next to", "median", "min..max", "ratio", "half within", "target"};
constexpr std::array<int, kColumns> kWidths = {22, 8, 20, 46, 8, 20, 6, 11, 0};
using Cells = std::array<std::string, kColumns>;

// More than a quiet machine's own housekeeping.
constexpr double kForeignCpus = 0.15;

bool is_number_column(std::size_t column) {
  return column != 0 && column != 3 && column != kColumns - 1;
}

std::string range_text(const Row& row) {
  const auto [low, high] = std::minmax_element(row.samples.begin(), row.samples.end());
  const std::string range = number_text(*low) + ".." + number_text(*high);
  return row.tails.empty() ? range : range + ", p99 " + number_text(median(row.tails));
}

std::string target_text(const PairResult& result) {
  if (!result.target) return "";
  const Target& target = *result.target;
  const std::string limit =
      fmt::format("{} {:.4g}", target.bound == Target::Bound::AtLeast ? ">=" : "<=", target.value);
  const std::string unit = target.of == Target::Of::Ratio ? "x" : " " + result.ours.unit;
  return fmt::format("{}{} {}", limit, unit, target_met(result).value() ? "met" : "missed");
}

// The target, and a warning where others worked beside the measurement.
std::string remark_text(const PairResult& result) {
  std::string text = target_text(result);
  if (result.foreign_cpus < kForeignCpus) return text;
  if (!text.empty()) text += "; ";
  return text + fmt::format("disturbed: others used {:.1f} CPUs", result.foreign_cpus);
}

Cells cells_of(const PairResult& result) {
  return {result.ours.name, number_text(median(result.ours.samples)), range_text(result.ours),
          result.peer.name, number_text(median(result.peer.samples)), range_text(result.peer),
          fmt::format("{:.2f}", median_ratio(result)),
          // A ratio is only as good as the rounds agree on it.
          fmt::format("{:.2f}..{:.2f}", percentile(result.ratios, 0.25), percentile(result.ratios, 0.75)),
          remark_text(result)};
}

std::string text_line(const Cells& cells) {
  std::string line;
  for (std::size_t column = 0; column < kColumns; ++column) {
    line += is_number_column(column) ? fmt::format("{:>{}}  ", cells[column], kWidths[column])
                                     : fmt::format("{:<{}}  ", cells[column], kWidths[column]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string markdown_line(const Cells& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) {
    std::string safe;
    for (const char letter : cell) safe += letter == '|' ? std::string("\\|") : std::string(1, letter);
    line += " " + safe + " |";
  }
  return line;
}

}  // namespace

std::string number_text(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  if (value >= 1e5) return fmt::format("{:.0f}k", value / 1e3);
  if (value >= 100) return fmt::format("{:.0f}", value);
  if (value >= 10) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

void Report::head(const std::string& machine) {
  fmt::print(out_, "{}\n", machine);
  std::fflush(out_);
}

void Report::begin_group(const Row& row) {
  group_ = row.group;
  Cells titles;
  std::copy(kTitles.begin(), kTitles.end(), titles.begin());
  if (format_ == Format::Text) {
    fmt::print(out_, "\n{} ({})\n{}\n", row.group, row.unit, text_line(titles));
    return;
  }
  fmt::print(out_, "\n**{}** ({})\n\n{}\n|", row.group, row.unit, markdown_line(titles));
  for (std::size_t column = 0; column < kColumns; ++column) {
    fmt::print(out_, "{}|", is_number_column(column) ? "---:" : "---");
  }
  fmt::print(out_, "\n");
}

void Report::add(const PairResult& result) {
  if (result.ours.group != group_) begin_group(result.ours);
  Cells cells{result.ours.name, "", "", result.peer.name, "", "", "", "", ""};
  if (result.left_out.empty()) {
    cells = cells_of(result);
  } else {
    cells[kColumns - 1] = "left out: " + result.left_out;
  }
  fmt::print(out_, "{}\n", format_ == Format::Text ? text_line(cells) : markdown_line(cells));
  std::fflush(out_);
}

}  // namespace drover::bench
