// The claim word: by one compare-and-swap a worker takes a task, the coordinator takes tasks back, and the
// coordinator forbids a worker to go on. So each task is begun by at most one worker, and nobody has to
// guess.
//
//   ticket     the entry of the down ring that the worker has opened, counted from 1 (24 bits, wraps)
//   next       how many of that entry's tasks it has begun: it has task next - 1 in hand until it publishes
//   its outcome end        how many of them it may begin; kWholeRun: as many as the entry's cell says queued
//   how many entries behind it are published and not opened condemned  it may begin nothing more
//
// Nothing is read before it is claimed, so a word that looks the same again is the same again (no ABA).
#pragma once

#include <atomic>
#include <cstdint>

namespace drover {

struct Claim {
  static constexpr std::uint32_t kTicketMask = (1U << 24) - 1;
  static constexpr std::uint32_t kWholeRun = (1U << 14) - 1;
  static constexpr std::uint64_t kOneQueued = std::uint64_t{1} << 28;

  std::uint32_t ticket = 0;
  std::uint32_t next = 0;
  std::uint32_t end = 0;
  std::uint32_t queued = 0;
  bool condemned = false;

  static constexpr Claim unpack(std::uint64_t word) {
    return {.ticket = static_cast<std::uint32_t>(word >> 38) & kTicketMask,
            .next = static_cast<std::uint32_t>(word) & kWholeRun,
            .end = static_cast<std::uint32_t>(word >> 14) & kWholeRun,
            .queued = static_cast<std::uint32_t>(word >> 28) & 0x3FF,
            .condemned = (word >> 62 & 1) != 0};
  }
  [[nodiscard]] constexpr std::uint64_t pack() const {
    return std::uint64_t{next} | std::uint64_t{end} << 14 | std::uint64_t{queued} << 28 |
           std::uint64_t{ticket & kTicketMask} << 38 | std::uint64_t{condemned} << 62;
  }
  friend constexpr bool operator==(const Claim&, const Claim&) = default;
};

// Which task of which entry: what a worker has in hand, a stop request or the progress board speaks of.
struct Hand {
  std::uint32_t ticket = 0;
  std::uint32_t item = 0;  // from 0

  // Never 0, which stands for nobody: ticket 0 comes, when the tickets wrap.
  [[nodiscard]] constexpr std::uint64_t pack() const {
    return std::uint64_t{1} << 38 | std::uint64_t{ticket} << 14 | item;
  }
  friend constexpr bool operator==(const Hand&, const Hand&) = default;
};

// Worker: begins the next task if there is one. `run_count(ticket)` tells how many tasks the opened entry
// holds; it is called for an entry that this worker has opened already. Pairs with the coordinator's publish:
// what it wrote into the cell is visible after a successful take.
template <class RunCount>
bool try_take(std::atomic<std::uint64_t>& word, RunCount&& run_count, Hand& taken) {
  std::uint64_t seen = word.load(std::memory_order_acquire);
  for (;;) {
    Claim claim = Claim::unpack(seen);
    if (claim.condemned) return false;
    if (claim.next != 0) {
      const std::uint32_t end = claim.end == Claim::kWholeRun ? run_count(claim.ticket) : claim.end;
      if (claim.next < end) {
        ++claim.next;
        if (word.compare_exchange_weak(seen, claim.pack(), std::memory_order_seq_cst)) {
          taken = {claim.ticket, claim.next - 1};
          return true;
        }
        continue;
      }
    }
    if (claim.queued == 0) return false;
    claim.ticket = (claim.ticket + 1) & Claim::kTicketMask;
    --claim.queued;
    claim.next = 1;
    claim.end = Claim::kWholeRun;
    if (word.compare_exchange_weak(seen, claim.pack(), std::memory_order_seq_cst)) {
      taken = {claim.ticket, 0};
      return true;
    }
  }
}

}  // namespace drover
