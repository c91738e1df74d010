// The layout of a lane: the shared memory between the coordinator and one worker. Version 1.
// A lane is two segments. *down* is written by the coordinator alone (the kernel holds the worker to it: the
// memfd is sealed against new writable mappings). *up* is written by the worker; the coordinator changes two
// words of it, the claim word and the sleep word. Every field names its writer. runner/manual/lane.md holds
// the byte map. No pointers, no locks: offsets and counts only, and the reader checks each before use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace drover {

inline constexpr std::uint64_t kDownMagic = 0x314E574F44565244;  // "DRVDOWN1"
inline constexpr std::uint64_t kUpMagic = 0x2020315055565244;    // "DRVUP1  "
inline constexpr std::uint32_t kLaneVersion = 1;
inline constexpr std::size_t kCacheLine = 64;

// One entry of the down ring: a task, or a run of `count` consecutive tasks of one function.
// Written before it is published in the claim word, not touched again until its last outcome was taken.
struct alignas(kCacheLine) TaskCell {
  std::uint64_t task;  // the first one's number
  std::uint32_t attempt;
  std::uint32_t count;        // 1 .. kMostInRun
  std::uint32_t function;     // index in the sorted list of functions; kNoFunction for a command
  std::uint32_t flags;        // kArgsByDescriptor
  std::uint32_t args_offset;  // in the arguments' arena
  std::uint32_t
      args_size;       // all of the run's; with count > 1 the first count + 1 words are offsets of the items
  std::uint32_t slot;  // the task's slot number
  std::uint32_t reserved[7];
};
static_assert(sizeof(TaskCell) == 64 && std::is_trivially_copyable_v<TaskCell>);

inline constexpr std::uint32_t kNoFunction = 0xFFFFFFFF;
inline constexpr std::uint32_t kMostInRun = 4096;
inline constexpr std::uint32_t kArgsByDescriptor = 1;  // the arguments came as a sealed memfd over the socket

// One entry of the up ring. Published by `outcomes_published`.
struct OutcomeRecord {
  std::uint64_t task;
  std::uint32_t attempt;
  std::uint8_t kind;            // OutcomeKind
  std::uint8_t flags;           // below
  std::uint16_t slot;           // for workers with many slots; 0
  std::uint32_t result_offset;  // in the results' arena
  std::uint32_t result_size;
  float wall_seconds;
  std::uint32_t checksum;  // of all the above and the result: see outcome_checksum
};
static_assert(sizeof(OutcomeRecord) == 32 && std::is_trivially_copyable_v<OutcomeRecord>);

// Tells an outcome that was written from one that a stray write went over (not a forged one): what a task
// damages in its worker's lane must not pass for another task's result. Words are multiplied in and folded.
[[nodiscard]] inline std::uint32_t outcome_checksum(const OutcomeRecord& record, const char* result) {
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15;
  OutcomeRecord plain = record;
  plain.checksum = 0;
  std::uint64_t words[4];
  std::memcpy(words, &plain, sizeof words);
  // Four products that do not wait for one another: this is done for every task, on both sides.
  std::uint64_t hash = words[0] * kPrime + (words[1] ^ 0xA5A5) * 0xBF58476D1CE4E5B9 +
                       (words[2] ^ 0x5A5A) * 0x94D049BB133111EB + (words[3] ^ 0x3C3C) * 0xD6E8FEB86659FD93;
  hash ^= hash >> 29;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;
  };
  std::size_t left = record.result_size;
  for (; left >= sizeof(std::uint64_t); left -= sizeof(std::uint64_t), result += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, result, sizeof word);
    mix(word);
  }
  if (left != 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, result, left);
    mix(word);
  }
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

inline constexpr std::uint8_t kResultByDescriptor = 1;  // the result came as a sealed memfd over the socket
inline constexpr std::uint8_t kOutSpooled = 2;          // stdout came as a file over the socket
inline constexpr std::uint8_t kErrSpooled = 4;          // stderr likewise
inline constexpr std::uint8_t kFullAccount =
    8;  // the result begins with an encoded Outcome, see worker/report.hpp

// Set once before the worker starts, constant afterwards.
struct alignas(kCacheLine) DownConstants {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t worker;
  std::uint32_t cells;  // a power of two
  std::uint32_t cells_offset;
  std::uint32_t args_offset;
  std::uint32_t args_size;
  std::uint32_t outcomes;         // entries of the up ring, a power of two
  std::uint32_t outcomes_offset;  // in up
  std::uint32_t results_offset;   // in up
  std::uint32_t results_size;
  std::uint32_t kind;  // TaskKind
  std::uint32_t reserved[3];
};

struct alignas(kCacheLine) DownHeader {
  DownConstants constants;
  // Coordinator: odd while it sleeps. The worker rings once for each odd value that it sees,
  alignas(kCacheLine) std::atomic<std::uint32_t> sleep_epoch;
  // as soon as it has published so many outcomes in all, or has nothing more to do.
  std::atomic<std::uint64_t> wake_at;
  // Coordinator: how many outcomes it has taken; frees their places and their results.
  alignas(kCacheLine) std::atomic<std::uint64_t> outcomes_taken;
  // Coordinator: the attempt in hand is asked to stop (its claim's ticket and item; 0: nobody).
  alignas(kCacheLine) std::atomic<std::uint64_t> stop_wanted;
  // Coordinator: how long the worker may spin for its next task before it sleeps.
  std::atomic<std::uint32_t> spin_ns;
  // Coordinator: messages that it has sent over the socket; the worker looks there when this has grown.
  std::atomic<std::uint32_t> messages;
  // Coordinator: counts what it wrote to stop_wanted; a futex on which a thread of the worker sleeps.
  std::atomic<std::uint32_t> stops;
};
static_assert(sizeof(DownHeader) == 256);

inline constexpr std::size_t kBoardText = 64;
inline constexpr std::size_t kStderrTail = 2048;

// The progress board: the worker writes, the coordinator reads a copy that may be a moment old.
struct alignas(kCacheLine) Board {
  std::atomic<std::uint32_t> version;  // odd while the worker writes the five below
  std::atomic<std::uint32_t> text_size;
  std::atomic<std::uint64_t> done;
  std::atomic<std::uint64_t> total;
  std::atomic<std::uint64_t> at_ns;   // of the last call
  std::atomic<std::uint64_t> ticket;  // the claim (ticket << 14 | item) that it speaks of
  std::atomic<std::uint64_t> text[kBoardText / 8];
  // Single words: no version needed.
  std::atomic<std::uint64_t> started_ns;  // when the attempt in hand was begun
  std::atomic<std::uint64_t> out_bytes;   // live output that is readable in the spool files
  std::atomic<std::uint64_t> err_bytes;
  std::atomic<std::uint64_t>
      listens;  // the claim (ticket << 14 | item) whose function looks at stop_requested
  // The last bytes that the command in hand wrote to stderr, as a ring: byte n is at n % kStderrTail.
  std::atomic<std::uint64_t> err_tail_ticket;
  std::atomic<std::uint64_t> err_tail_total;
  char err_tail[kStderrTail];
};

struct alignas(kCacheLine) UpHeader {
  // Worker, at the handshake.
  std::atomic<std::uint64_t> magic;
  std::atomic<std::uint32_t> version;
  std::atomic<std::uint32_t> functions;       // how many it knows
  std::atomic<std::uint64_t> functions_hash;  // of their sorted names
  // Both, by compare-and-swap: common/claim.hpp.
  alignas(kCacheLine) std::atomic<std::uint64_t> claim;
  // Both: 1 while the worker sleeps on it (a futex); whoever sets it to 0 wakes.
  alignas(kCacheLine) std::atomic<std::uint32_t> asleep;
  // Worker.
  alignas(kCacheLine) std::atomic<std::uint64_t> outcomes_published;
  Board board;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "a lane needs atomics that work between processes");

// How large a lane's parts are. Chosen by the coordinator, told to the worker in DownConstants.
struct LaneShape {
  std::uint32_t cells;
  std::uint32_t args_size;
  std::uint32_t outcomes;
  std::uint32_t results_size;

  [[nodiscard]] std::uint32_t cells_offset() const { return sizeof(DownHeader); }
  [[nodiscard]] std::uint32_t args_offset() const {
    return cells_offset() + cells * static_cast<std::uint32_t>(sizeof(TaskCell));
  }
  [[nodiscard]] std::uint32_t down_size() const { return args_offset() + args_size; }
  [[nodiscard]] std::uint32_t outcomes_offset() const { return sizeof(UpHeader); }
  [[nodiscard]] std::uint32_t results_offset() const {
    return outcomes_offset() + outcomes * static_cast<std::uint32_t>(sizeof(OutcomeRecord));
  }
  [[nodiscard]] std::uint32_t up_size() const { return results_offset() + results_size; }
};

// 64 KiB in all for commands, 256 KiB for functions: memory is touched, so paid for, as tasks need it.
inline constexpr LaneShape kCommandLane{
    .cells = 16, .args_size = 28 * 1024, .outcomes = 32, .results_size = 30 * 1024};
inline constexpr LaneShape kFunctionLane{
    .cells = 512, .args_size = 92 * 1024, .outcomes = 2048, .results_size = 60 * 1024};

}  // namespace drover
