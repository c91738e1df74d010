// What the engine tells the output's writer thread, and the account of what waits there.
// Any thread may push; nothing here blocks the one that does, and it rings the bell only when the writer
// sleeps. Knows nothing of the order or form in which output is shown.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

struct OutputEvent {
  enum class Kind : std::uint8_t { Begin, Live, Grown, End, Nothing, Note };
  Kind kind = Kind::Note;
  bool final = true;  // End
  TaskId task = 0;
  std::uint64_t out_size = 0;  // Grown, End
  std::uint64_t err_size = 0;
  std::string text;  // Begin: the shown name; Note: the lines
  std::string out_head, err_head;
  UniqueFd out_file, err_file;
};

// What waits: put on the account with an event, taken off when it is written or dropped.
struct OutputLoad {
  std::uint64_t bytes = 0;   // wherever they are
  std::uint64_t memory = 0;  // of them in memory, with what their keeping costs
  std::uint64_t tasks = 0;
  std::uint64_t files = 0;  // open descriptors
};

class OutputQueue {
 public:
  static constexpr std::uint64_t kMostTasks = 200'000;
  static constexpr std::uint64_t kMostFiles = 256;

  // Refused: EMFILE, ENFILE.
  static Result<std::unique_ptr<OutputQueue>> create(std::uint64_t memory_limit, std::uint64_t spool_limit);

  // Any thread.
  void push(OutputEvent event, const OutputLoad& load);
  void set_status(std::string text);  // only the newest counts
  void close();                       // nothing more will be pushed
  void abandon();                     // and what waits need not be written
  // More waits than is allowed. Stays so until a quarter of the limit is free again.
  [[nodiscard]] bool full() const { return full_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool abandoned() const { return abandoned_.load(std::memory_order_relaxed); }

  // The writer thread.
  struct Taken {
    std::vector<OutputEvent> events;
    std::optional<std::string> status;
    bool closed = false;
  };
  // Takes everything; events must be empty. Never waits.
  void take(Taken& taken);
  // With fd < 0: sleeps until something was pushed. Otherwise: until fd can be written to (then true), or so
  // much was pushed that it should be taken. Or until the moment has come. May return early.
  bool wait(int fd, std::optional<Instant> until);
  void add(const OutputLoad& load);
  // True when it was full and is no longer.
  [[nodiscard]] bool release(const OutputLoad& load);
  [[nodiscard]] OutputLoad load() const;

 private:
  enum class Sleep : std::uint8_t { Awake, Idle, Blocked };

  OutputQueue(UniqueFd bell, std::uint64_t memory_limit, std::uint64_t spool_limit);
  [[nodiscard]] bool worth_waking(Sleep sleep) const;
  void wake(std::unique_lock<std::mutex>& lock);
  void judge();

  const UniqueFd bell_;  // an eventfd
  const OutputLoad limit_;
  mutable std::mutex mutex_;
  // All below: under mutex_, but for the two atomics' readers.
  std::vector<OutputEvent> events_;
  OutputLoad queued_;  // since the last take
  OutputLoad load_;
  std::optional<std::string> status_;
  bool closed_ = false;
  Sleep sleep_ = Sleep::Awake;
  std::atomic<bool> full_ = false;
  std::atomic<bool> abandoned_ = false;
};

}  // namespace drover
