#include "worker/builtin.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <drover/function.hpp>

namespace {

// Primes p with from <= p <= to, by a segmented sieve of Eratosthenes: memory for the square root of `to`
// only.
std::int64_t count_primes(std::int64_t from, std::int64_t to, drover::Context& context) {
  constexpr std::int64_t kMost = 1'000'000'000'000'000;
  if (to > kMost) throw std::invalid_argument("count_primes goes up to 10^15");
  from = std::max<std::int64_t>(from, 2);
  if (to < from) return 0;
  const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(to))) + 1;
  std::vector<bool> composite(static_cast<std::size_t>(root) + 1);
  std::vector<std::int64_t> primes;
  for (std::int64_t i = 2; i <= root; ++i) {
    if (composite[static_cast<std::size_t>(i)]) continue;
    primes.push_back(i);
    for (std::int64_t j = i * i; j <= root; j += i) composite[static_cast<std::size_t>(j)] = true;
  }
  constexpr std::int64_t kSegment = 1 << 18;
  std::vector<std::uint8_t> marks(kSegment);
  std::int64_t count = 0;
  for (std::int64_t low = from; low <= to && !context.stop_requested(); low += kSegment) {
    const std::int64_t high = std::min(low + kSegment - 1, to);
    std::fill(marks.begin(), marks.end(), 0);
    for (const std::int64_t prime : primes) {
      if (prime * prime > high) break;
      for (std::int64_t j = std::max(prime * prime, (low + prime - 1) / prime * prime); j <= high; j += prime)
        marks[static_cast<std::size_t>(j - low)] = 1;
    }
    count += std::count(marks.begin(), marks.begin() + (high - low + 1), 0);
    context.progress(static_cast<std::uint64_t>(high - from + 1), static_cast<std::uint64_t>(to - from + 1));
  }
  return count;
}

void noop() {}

}  // namespace

void drover::link_builtin_functions() {}

DROVER_FUNCTION(count_primes)
DROVER_FUNCTION(noop)
