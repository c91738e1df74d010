// Results as tables: plain text for a terminal, Markdown for a page. Each line appears as soon as it is
// known. Knows nothing of measuring.
#pragma once

#include <cstdio>
#include <string>

#include "tests/bench/bench.hpp"

namespace drover::bench {

// 12.35M, 367k, 3670, 36.7, 0.87: three or four digits, as a reader compares them.
[[nodiscard]] std::string number_text(double value);

class Report {
 public:
  enum class Format { Text, Markdown };

  Report(std::FILE* out, Format format) : out_(out), format_(format) {}

  void head(const std::string& machine);
  // Begins a new table when the group changes.
  void add(const PairResult& result);

 private:
  void begin_group(const Row& row);

  std::FILE* out_;
  Format format_;
  std::string group_;
};

}  // namespace drover::bench
