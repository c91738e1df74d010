#include <drover/error.hpp>

#include <fmt/format.h>

#include "common/exception_wire.hpp"
#include "common/outcome.hpp"

namespace drover {
namespace {

std::string shown(const std::string& name, std::uint64_t task) {
  return name.empty() ? fmt::format("task #{}", task) : "'" + one_line(name) + "'";
}

std::string shown_memory(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1U << 20;
  if (bytes < kMebi) return fmt::format("{} KiB", (bytes + 512) / 1024);
  if (bytes < 1024 * kMebi) return fmt::format("{} MiB", bytes / kMebi);
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1024 * kMebi));
}

std::string shown_progress(const WorkerAccount& account) {
  std::string text = fmt::format("at {}", account.progress_done);
  if (account.progress_total != 0) text += fmt::format(" of {}", account.progress_total);
  if (!account.progress_text.empty()) text += ", " + one_line(account.progress_text);
  return text;
}

// " (attempt 2)": a first attempt goes without saying.
std::string shown_attempt(unsigned attempt) {
  return attempt > 1 ? fmt::format(" (attempt {})", attempt) : std::string();
}

std::string because(const std::string& why) {
  return why.empty() ? why : ": " + one_line(why);
}

std::string how_it_ended(const WorkerAccount& account) {
  if (account.out_of_memory) {
    if (account.signal == 0) return "worker ran out of memory";
    return "worker was killed for memory (" + signal_name(account.signal) + ")";
  }
  if (account.signal != 0) return "worker died of " + signal_name(account.signal);
  return fmt::format("worker ended with exit code {}", account.exit_code);
}

std::string sentence(const WorkerAccount& account) {
  std::string inner;
  const auto add = [&inner](const std::string& part) { inner += (inner.empty() ? "" : ", ") + part; };
  if (account.attempts > 1) add(fmt::format("attempt {}", account.attempts));
  if (account.core_dumped) add("core dumped");
  if (account.progress_done != 0 || account.progress_total != 0) add(shown_progress(account));
  if (account.peak_memory_bytes != 0) add(shown_memory(account.peak_memory_bytes));
  return how_it_ended(account) + " while running " + shown(account.task_name, account.task) +
         (inner.empty() ? "" : " (" + inner + ")");
}

std::string sentence(const RemoteStory& story, std::chrono::nanoseconds limit) {
  const double seconds =
      static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(limit).count()) / 1e6;
  return fmt::format("{} timed out after {} s{}", shown(story.task_name, story.task), seconds,
                     shown_attempt(story.attempt));
}

RemoteStory story_of(const WorkerAccount& account) {
  return {account.task, account.task_name, account.attempts, account.stderr_tail};
}

}  // namespace

struct RemoteDetails::Told {
  RemoteStory story;
  std::string type, what;
  std::vector<RemoteCause> causes;
};

RemoteDetails::RemoteDetails(RemoteStory story, std::string type, std::string what,
                             std::vector<RemoteCause> causes)
    : told_(std::make_shared<const Told>(
          Told{std::move(story), std::move(type), std::move(what), std::move(causes)})) {}
RemoteDetails::~RemoteDetails() = default;
const std::string& RemoteDetails::remote_type() const noexcept {
  return told_->type;
}
const std::string& RemoteDetails::remote_what() const noexcept {
  return told_->what;
}
const std::vector<RemoteCause>& RemoteDetails::causes() const noexcept {
  return told_->causes;
}
std::uint64_t RemoteDetails::task() const noexcept {
  return told_->story.task;
}
const std::string& RemoteDetails::task_name() const noexcept {
  return told_->story.task_name;
}
unsigned RemoteDetails::attempt() const noexcept {
  return told_->story.attempt;
}
const std::string& RemoteDetails::stderr_tail() const noexcept {
  return told_->story.stderr_tail;
}

RemoteError::RemoteError(const std::string& what, const RemoteDetails& details)
    : std::runtime_error(what), RemoteDetails(details) {}

WorkerDied::WorkerDied(WorkerAccount account)
    : std::runtime_error(sentence(account)),
      RemoteDetails(story_of(account)),
      account_(std::make_shared<const WorkerAccount>(std::move(account))) {}

TimedOut::TimedOut(RemoteStory story, std::chrono::nanoseconds limit)
    : std::runtime_error(sentence(story, limit)), RemoteDetails(std::move(story)), limit_(limit) {}

Cancelled::Cancelled(RemoteStory story, const std::string& why)
    : std::runtime_error(shown(story.task_name, story.task) + " was cancelled" + because(why)),
      RemoteDetails(std::move(story)) {}

CouldNotStart::CouldNotStart(RemoteStory story, int exit_code, const std::string& why)
    : std::runtime_error(fmt::format("{} could not start ({}){}", shown(story.task_name, story.task),
                                     exit_code, because(why))),
      RemoteDetails(std::move(story)),
      exit_code_(exit_code) {}

}  // namespace drover
