// What a task's failure is thrown as, where its result is asked for.
//
//   try {
//     use(shot.get());
//   } catch (const std::out_of_range& thrown) {         // standard types come back as themselves
//     log(thrown.what());
//   } catch (const drover::WorkerDied& died) {          // a crash, exit(), or too much memory
//     log(died.what(), died.account().peak_memory_bytes);
//   } catch (const std::exception& thrown) {            // finds every one of them
//     log(thrown.what());
//     if (auto* story = dynamic_cast<const drover::RemoteDetails*>(&thrown)) log(story->stderr_tail());
//   }
//
// Objects of these types do not change once made and share what they hold: any number of threads may read
// one, and copying one does not throw. Making one throws std::bad_alloc.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace drover {

// Whose failure it is.
struct RemoteStory {
  std::uint64_t task = 0;   // its number, from 1
  std::string task_name;    // empty: it has none, and is shown as "task #7"
  unsigned attempt = 0;     // from 1; 0: it was never begun
  std::string stderr_tail;  // the last that it wrote to standard error
};

struct RemoteCause {
  std::string type;  // demangled
  std::string what;
};

// The story behind a task's failure. A base of every exception here that tells of a task, beside
// std::exception, from which it is not derived: catch it by itself, or dynamic_cast to it.
class RemoteDetails {
 public:
  explicit RemoteDetails(RemoteStory story, std::string type = {}, std::string what = {},
                         std::vector<RemoteCause> causes = {});
  RemoteDetails(const RemoteDetails&) noexcept = default;
  RemoteDetails& operator=(const RemoteDetails&) noexcept = default;
  virtual ~RemoteDetails();

  // The demangled type that the function threw, which may be derived from the one that is thrown again; empty
  // when it threw nothing (WorkerDied, TimedOut, Cancelled, CouldNotStart).
  [[nodiscard]] const std::string& remote_type() const noexcept;
  // Its what(), or the value of a thrown number or string: at most 64 KiB, any bytes.
  [[nodiscard]] const std::string& remote_what() const noexcept;
  // What was nested in it (std::nested_exception), outermost first, itself not among them: at most 16.
  [[nodiscard]] const std::vector<RemoteCause>& causes() const noexcept;

  [[nodiscard]] std::uint64_t task() const noexcept;
  [[nodiscard]] const std::string& task_name() const noexcept;
  [[nodiscard]] unsigned attempt() const noexcept;
  [[nodiscard]] const std::string& stderr_tail() const noexcept;

 private:
  struct Told;
  std::shared_ptr<const Told> told_;
};

// A function threw what has no standard type but std::exception itself among its bases: what() is that of the
// original. Or something else altogether, such as a number or a string: what() is then "int: 5".
class RemoteError : public std::runtime_error, public RemoteDetails {
 public:
  RemoteError(const std::string& what, const RemoteDetails& details);
};

// A function threw E, a type of the standard library, or a type derived from it: what() is that of the
// original. std::system_error and those derived from it keep value and category of their code if the category
// is the standard library's; else the category is one of drover's own, equal to no other.
template <std::derived_from<std::exception> E>
class Remote : public E, public RemoteDetails {
 public:
  template <class... Arguments>
  explicit Remote(RemoteDetails details, Arguments&&... arguments)
      : E(std::forward<Arguments>(arguments)...), RemoteDetails(std::move(details)) {}
  [[nodiscard]] const char* what() const noexcept override { return remote_what().c_str(); }
};

// The end of a worker that had a task in hand.
struct WorkerAccount {
  int signal = 0;     // that ended it; 0: none did
  int exit_code = 0;  // when no signal did
  bool core_dumped = false;
  bool out_of_memory = false;           // it was killed for memory, or could get no more within its limit
  std::uint64_t peak_memory_bytes = 0;  // resident, over the worker's life; 0: unknown
  std::chrono::nanoseconds user_time{}, system_time{};  // of processor, over the worker's life
  std::chrono::nanoseconds wall_time{};                 // since the attempt began
  std::uint64_t progress_done = 0, progress_total = 0;  // last reported; both 0: none was
  std::string progress_text;
  std::string stderr_tail;
  std::string message;    // what else there is to say, for people; often empty
  unsigned attempts = 0;  // how many were made, this one the last
  std::uint64_t task = 0;
  std::string task_name;
};

// what(): "worker died of SIGSEGV while running 'shot 12' (attempt 2, at 3 of 10, 41 MiB)".
class WorkerDied : public std::runtime_error, public RemoteDetails {
 public:
  explicit WorkerDied(WorkerAccount account);
  [[nodiscard]] const WorkerAccount& account() const noexcept { return *account_; }

 private:
  std::shared_ptr<const WorkerAccount> account_;
};

// An attempt took longer than it may. what(): "'shot 12' timed out after 30 s (attempt 2)".
class TimedOut : public std::runtime_error, public RemoteDetails {
 public:
  TimedOut(RemoteStory story, std::chrono::nanoseconds limit);
  [[nodiscard]] std::chrono::nanoseconds limit() const noexcept { return limit_; }

 private:
  std::chrono::nanoseconds limit_;
};

// Stopped, or never begun as it was no longer wanted. what(): "'shot 12' was cancelled: its group has
// failed".
class Cancelled : public std::runtime_error, public RemoteDetails {
 public:
  explicit Cancelled(RemoteStory story, const std::string& why = {});
};

// A command whose program is missing (exit_code 127) or not executable (126).
// what(): "'unpack' could not start (127): tar: not found".
class CouldNotStart : public std::runtime_error, public RemoteDetails {
 public:
  CouldNotStart(RemoteStory story, int exit_code, const std::string& why = {});
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

// drover itself cannot go on, say because no worker can be started. Every later call throws it, too.
class CoordinatorFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The call would wait for what can only happen after it returns.
class WouldDeadlock : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// A task was submitted to a coordinator that has been shut down.
class ShutDown : public std::logic_error {
 public:
  ShutDown() : ShutDown("the coordinator has been shut down and takes no more tasks") {}
  using std::logic_error::logic_error;
};

}  // namespace drover
