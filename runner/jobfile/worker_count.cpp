#include "runner/jobfile/worker_count.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

#include "runner/jobfile/diagnostic.hpp"

namespace drover {

Parsed<unsigned> parse_worker_count(std::string_view text, unsigned cpus) {
  DROVER_CHECK(cpus > 0);
  std::string_view digits = text;
  const char sign = digits.starts_with('+') || digits.starts_with('-') ? digits.front() : '\0';
  if (sign != '\0') digits.remove_prefix(1);
  const bool percent = sign == '\0' && digits.ends_with('%');
  if (percent) digits.remove_suffix(1);

  std::uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error == std::errc::invalid_argument || stop != end) {
    return Mistake{fmt::format("{} is no number of workers; write N, N%, +N or -N", quoted(text))};
  }
  if (error == std::errc::result_out_of_range) number = std::numeric_limits<std::uint64_t>::max();
  if (number == 0 && sign == '\0') {
    return Mistake{fmt::format("{} workers can do nothing; write 1 or more, or 100% for one a CPU", text)};
  }
  std::uint64_t count = number;
  if (sign == '-') {
    count = number < cpus ? cpus - number : 1;
  } else if (number > kMostWorkers) {
    // Checked before any arithmetic, which therefore cannot overflow.
    count = kMostWorkers + std::uint64_t{1};
  } else if (sign == '+') {
    count = number + cpus;
  } else if (percent) {
    count = std::max<std::uint64_t>(number * cpus / 100, 1);
  }
  if (count > kMostWorkers) {
    return Mistake{fmt::format("{} is too many workers; write at most {}", quoted(text), kMostWorkers)};
  }
  return static_cast<unsigned>(count);
}

}  // namespace drover
