// Waking the other side of a lane, at the cost of a system call only when it sleeps.
// Worker asleep: it waits on a futex word in *up*; the coordinator wakes it and can never be blocked by that.
// Coordinator asleep: it waits in epoll; the worker writes to an eventfd of its own that the coordinator
// never reads (edge-triggered), so nothing that a worker does to it can block the coordinator. Both sides
// first publish, then look whether the other sleeps; the sleeper first declares, then looks for work. All
// four are seq_cst read-modify-writes or loads, so one of the two sees the other.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/clock.hpp"

namespace drover {

// Sleeps while the word holds `expected`. Returns early for signals; the caller looks again.
// Neither writes to the word: a mapping for reading alone will do.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected);
void futex_wake_one(const std::atomic<std::uint32_t>& word);

// Coordinator or anybody who has published: wakes the sleeper, if there is one.
inline void wake_if_asleep(std::atomic<std::uint32_t>& asleep) {
  if (asleep.load(std::memory_order_seq_cst) == 0) return;
  if (asleep.exchange(0, std::memory_order_seq_cst) != 0) futex_wake_one(asleep);
}

// Tells the processor that this is a spin loop.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace drover
