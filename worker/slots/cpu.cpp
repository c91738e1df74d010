#include "worker/slots/cpu.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>

#include "common/exception_wire.hpp"
#include "common/function_call.hpp"
#include "common/function_names.hpp"
#include "common/value.hpp"
#include "worker/shared_segments.hpp"
#include "worker/slots/call_context.hpp"

namespace drover {
namespace {

// A call shorter than this cannot have written anything to a file: a write alone takes longer.
constexpr std::uint64_t kTooShortToPrint = 800;
// Memory of large arguments and results is kept for the next ones up to this size.
constexpr std::size_t kKept = std::size_t{1} << 20;

// Tells this process from those that its functions fork: the kernel empties the page in every child, however
// it was forked. Looked at after every call, so it must not cost a system call.
class ForkMark {
 public:
  // Without the page a forked child would go unnoticed, and work on as if it were the worker.
  ForkMark() {
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || ::madvise(page, size, MADV_WIPEONFORK) != 0) {
      std::perror("drover-worker: map a page that is wiped on fork");
      ::_exit(3);
    }
    here_ = static_cast<volatile char*>(page);
    *here_ = 1;
  }
  [[nodiscard]] bool in_child() const { return *here_ == 0; }

 private:
  volatile char* here_;
};

// Moves what has been written to a log file into `stream` and empties the file.
void take_log(int fd, CapturedStream& stream) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return;
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size <= kCapturedInMemory) {
    stream.head.resize(size);
    const ssize_t got = ::pread(fd, stream.head.data(), size, 0);
    stream.head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    stream.size = stream.head.size();
  } else if (std::FILE* file = std::tmpfile(); file != nullptr) {
    UniqueFd spool(::dup(::fileno(file)));
    std::fclose(file);
    off_t from = 0;
    while (from < info.st_size) {
      const ssize_t moved = ::copy_file_range(fd, &from, spool.get(), nullptr,
                                              static_cast<std::size_t>(info.st_size - from), 0);
      if (moved <= 0) break;
    }
    stream.size = static_cast<std::uint64_t>(from);
    stream.spool = std::move(spool);
  }
  (void)!::ftruncate(fd, 0);
}

void add_result(CapturedStream& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.spool) {
    out.head += text;
  } else {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t n = ::pwrite(out.spool.get(), text.data() + done, text.size() - done,
                                 static_cast<off_t>(out.size + done));
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
  }
  out.size += text.size();
}

// What to say of a call that has ended with an exception.
struct Thrown {
  OutcomeKind kind = OutcomeKind::Failed;
  std::string message;    // one line
  std::string exception;  // encoded
};

class FunctionWorker {
 public:
  FunctionWorker(WorkerDesk& desk, const FunctionWorkerOptions& options)
      : desk_(desk),
        options_(options),
        segments_(desk),
        stop_watch_(desk.lane().down()),
        functions_(registered_functions()),
        known_(count_of(options.known)) {}

  void greet() {
    std::uint64_t hash = kNoNames;
    for (std::size_t i = 0; i < known_; ++i) hash = hash_name(hash, functions_[i].name);
    desk_.lane().greet(static_cast<std::uint32_t>(known_), hash);
    begin_ = now_ns();  // the first task may be there at once
  }

  void run_one() {
    TakenTask task;
    // Straight on to the next one: it begins when the one before has ended, which saves a look at the clock.
    if (!desk_.lane().try_take(task)) {
      task = desk_.next_task();
      begin_ = now_ns();
    }
    desk_.lane().board().started_ns.store(begin_, std::memory_order_relaxed);
    thrown_.reset();
    const std::string_view result = call(task);
    // A child that the function forked and that came back from it, too: neither the attempt nor what was
    // printed is its own. Its parent's unwritten output is not written a second time.
    if (fork_mark_.in_child()) ::_exit(thrown_ ? EXIT_FAILURE : EXIT_SUCCESS);
    stop_watch_.forget();
    const std::uint64_t end = now_ns();
    const std::uint64_t wall = end - begin_;
    if (wall <= kTooShortToPrint && !thrown_) {
      desk_.hand_in_result(task, wall, result);
      begin_ = end;
    } else {
      hand_in_with_print(task, wall, result);
      begin_ = now_ns();
    }
    if (text_.size() > kKept) text_ = {};
    if (storage_.size() > kKept) storage_ = {};
    if (result_.size() > kKept) result_.reset();
  }

 private:
  void hand_in_with_print(const TakenTask& task, std::uint64_t wall, std::string_view result) {
    Report report;
    std::fflush(stdout);
    take_log(STDOUT_FILENO, report.out);
    take_log(STDERR_FILENO, report.err);
    if (!thrown_ && report.out.size == 0 && report.err.size == 0) {
      desk_.hand_in_result(task, wall, result);
      return;
    }
    report.outcome.start_ns = begin_;
    report.outcome.wall_ns = wall;
    if (thrown_) {
      report.outcome.kind = thrown_->kind;
      report.outcome.message = std::move(thrown_->message);
      report.value = std::move(thrown_->exception);
    } else if (functions_[task.function].typed != nullptr) {
      report.value = result;
    } else {
      add_result(report.out, result);
    }
    desk_.hand_in(task, wall, report);
  }

  // What the function returned, valid until the next call; thrown_ when it did not.
  std::string_view call(const TakenTask& task) {
    std::string_view bytes;
    if (!desk_.arguments(task, storage_, bytes) || task.function >= known_) {
      thrown_ = Thrown{.message = "the task did not reach its worker whole"};
      return {};
    }
    const RegisteredFunction& function = functions_[task.function];
    try {
      return function.typed != nullptr ? call_typed(function, task, bytes)
                                       : call_named(function, task, bytes);
    } catch (const ArgumentMismatch& mistake) {
      thrown_ = describe(std::current_exception());
      thrown_->message = function.name + function.parameters + ": " + one_line(mistake.what());
    } catch (const std::bad_alloc&) {
      thrown_ = describe(std::current_exception());
      if (options_.memory_limit != 0) {
        thrown_->kind = OutcomeKind::OutOfMemory;
        thrown_->message += ", over the limit of " + std::to_string(options_.memory_limit) + " bytes";
      }
    } catch (...) {
      thrown_ = describe(std::current_exception());
    }
    return {};
  }

  static Thrown describe(std::exception_ptr exception) {
    Thrown thrown{.exception = encode_exception(std::move(exception))};
    ExceptionRecord record;
    thrown.message = decode_exception(thrown.exception, record) ? first_line(record) : "an exception";
    return thrown;
  }

  std::string_view call_named(const RegisteredFunction& function, const TakenTask& task,
                              std::string_view bytes) {
    values_.clear();
    if (!bytes.empty() && !decode_values(bytes, values_))
      detail::fail_decoding("the arguments did not arrive whole");
    CallContext context(desk_.lane(), stop_watch_, task, options_.seed);
    text_ = function.thunk(values_, context);
    return text_;
  }

  std::string_view call_typed(const RegisteredFunction& function, const TakenTask& task,
                              std::string_view bytes) {
    CallContext context(desk_.lane(), stop_watch_, task, options_.seed);
    Decoder args(bytes, &segments_);
    const auto flags = static_cast<std::uint8_t>(*args.bytes(1));
    if ((flags & ~kCallFlags) != 0) detail::fail_decoding("a call of another version");
    if ((flags & kTaskNameFollows) != 0) {
      const std::uint64_t size = args.count();
      context.set_name({args.bytes(size), size});
    }
    result_.clear();
    function.typed(args, context, result_);
    return result_.view();
  }

  WorkerDesk& desk_;
  const FunctionWorkerOptions options_;
  SharedSegments segments_;
  ForkMark fork_mark_;
  StopWatch stop_watch_;
  const std::vector<RegisteredFunction>& functions_;
  const std::size_t known_;  // the first so many are the coordinator's functions, too
  std::vector<Value> values_;
  std::string storage_;
  std::string text_;
  detail::SmallBuffer result_;
  std::optional<Thrown> thrown_;
  std::uint64_t begin_ = 0;  // when the task in hand began, or the last one ended
};

}  // namespace

void run_function_worker(WorkerDesk& desk, const FunctionWorkerOptions& options) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  FunctionWorker worker(desk, options);
  worker.greet();
  for (;;) worker.run_one();
}

}  // namespace drover
