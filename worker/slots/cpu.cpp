#include "worker/slots/cpu.hpp"

#include <cxxabi.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

#include "common/function_names.hpp"
#include "worker/registry.hpp"

namespace drover {
namespace {

// A call shorter than this cannot have written anything to a file: a write alone takes longer.
constexpr std::uint64_t kTooShortToPrint = 800;

class CallContext final : public Context {
 public:
  CallContext(WorkerLane& lane, const TakenTask& task) : lane_(lane), task_(task) {}
  void progress(std::uint64_t done, std::uint64_t total, std::string_view text) override {
    lane_.report_progress(task_.hand, done, total, text);
  }
  [[nodiscard]] bool stop_requested() const override { return lane_.stop_wanted(task_.hand); }
  [[nodiscard]] TaskId task() const override { return task_.task; }
  [[nodiscard]] Attempt attempt() const override { return task_.attempt; }
  [[nodiscard]] SlotNumber slot() const override { return task_.slot; }

 private:
  WorkerLane& lane_;
  const TakenTask& task_;
};

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

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

void add_result(CapturedStream& out, const std::string& text) {
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

class FunctionWorker {
 public:
  explicit FunctionWorker(WorkerDesk& desk) : desk_(desk), functions_(registered_functions()) {}

  void run_one() {
    TakenTask task;
    // Straight on to the next one: it begins when the one before has ended, which saves a look at the clock.
    if (!desk_.lane().try_take(task)) {
      task = desk_.next_task();
      begin_ = now_ns();
    }
    desk_.lane().board().started_ns.store(begin_, std::memory_order_relaxed);
    failure_.clear();
    const std::string text = call(task);
    const std::uint64_t end = now_ns();
    const std::uint64_t wall = end - begin_;
    if (wall <= kTooShortToPrint && failure_.empty()) {
      desk_.hand_in_text(task, wall, text);
      begin_ = end;
    } else {
      hand_in_with_print(task, wall, text);
      begin_ = now_ns();
    }
  }

 private:
  void hand_in_with_print(const TakenTask& task, std::uint64_t wall, const std::string& text) {
    Report report;
    std::fflush(stdout);
    take_log(STDOUT_FILENO, report.out);
    take_log(STDERR_FILENO, report.err);
    if (failure_.empty() && report.out.size == 0 && report.err.size == 0) {
      desk_.hand_in_text(task, wall, text);
      return;
    }
    add_result(report.out, text);
    report.outcome.kind = failure_.empty() ? OutcomeKind::Succeeded : OutcomeKind::Failed;
    report.outcome.message = failure_;
    report.outcome.start_ns = begin_;
    report.outcome.wall_ns = wall;
    desk_.hand_in(task, wall, report);
  }

  // What the function returned; failure_ when it did not.
  std::string call(const TakenTask& task) {
    std::string_view bytes;
    values_.clear();
    if (!desk_.arguments(task, storage_, bytes) || (!bytes.empty() && !decode_values(bytes, values_)) ||
        task.function >= functions_.size()) {
      failure_ = "the task did not reach its worker whole";
      return {};
    }
    CallContext context(desk_.lane(), task);
    try {
      return functions_[task.function].thunk(values_, context);
    } catch (const ArgumentMismatch& mistake) {
      failure_ = functions_[task.function].name + functions_[task.function].parameters + ": " +
                 one_line(mistake.what());
    } catch (const std::exception& thrown) {
      failure_ = type_name(typeid(thrown)) + ": " + one_line(thrown.what());
    } catch (...) {
      const std::type_info* type = abi::__cxa_current_exception_type();
      failure_ = (type != nullptr ? type_name(*type) : "something") + " thrown";
    }
    return {};
  }

  WorkerDesk& desk_;
  const std::vector<RegisteredFunction>& functions_;
  std::vector<Value> values_;
  std::string storage_;
  std::string failure_;
  std::uint64_t begin_ = 0;  // when the task in hand began, or the last one ended
};

}  // namespace

void run_function_worker(WorkerDesk& desk) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  std::uint64_t hash = kNoNames;
  for (const RegisteredFunction& each : registered_functions()) hash = hash_name(hash, each.name);
  desk.lane().greet(static_cast<std::uint32_t>(registered_functions().size()), hash);
  FunctionWorker worker(desk);
  for (;;) worker.run_one();
}

}  // namespace drover
