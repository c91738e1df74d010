#include "tests/bench/guarded.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover::bench {
namespace {

// What the child says, in one write. Not a stream up to end-of-file: grandchildren may hold the pipe open.
struct Report {
  bool measured = false;
  Sample sample;
  std::array<char, 400> reason{};
};
static_assert(sizeof(Report) <= PIPE_BUF, "one write must arrive whole");
static_assert(std::is_trivially_copyable_v<Report>);

sigset_t interrupts() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

Report measure(const Sampler& sampler) {
  Report report;
  std::string reason;
  try {
    report.sample = sampler();
    report.measured = true;
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "threw something that is no std::exception";
  }
  std::copy_n(reason.begin(), std::min(reason.size(), report.reason.size() - 1), report.reason.begin());
  return report;
}

[[noreturn]] void child_main(const Sampler& sampler, int report_fd, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it ended before the line above
  const sigset_t set = interrupts();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  const Report report = measure(sampler);
  ::_exit(::write(report_fd, &report, sizeof report) == ssize_t{sizeof report} ? 0 : 1);
}

// The child and its group, killed and reaped at the end whatever happened.
class SampleProcess {
 public:
  explicit SampleProcess(pid_t pid) : pid_(pid) {}
  ~SampleProcess() { end(); }
  SampleProcess(const SampleProcess&) = delete;
  SampleProcess& operator=(const SampleProcess&) = delete;

  // Returns the wait status, with SIGKILL in it when the child was still running.
  int end() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);  // before the reaping of the leader frees the group's number
      while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
      }
      pid_ = -1;
    }
    return status_;
  }

 private:
  pid_t pid_;
  int status_ = 0;
};

std::optional<Report> read_report(int fd) {
  Report report;
  if (::read(fd, &report, sizeof report) != ssize_t{sizeof report}) return std::nullopt;
  return report;
}

std::string death_text(int status) {
  if (WIFSIGNALED(status)) return fmt::format("died of SIG{}", ::sigabbrev_np(WTERMSIG(status)));
  return fmt::format("ended with status {} and no number", WEXITSTATUS(status));
}

UniqueFd must(int fd, const char* call) {
  if (fd < 0) throw CannotMeasure(last_error(call).text());
  return UniqueFd(fd);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  const sigset_t set = interrupts();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

InterruptGuard::~InterruptGuard() {
  const sigset_t set = interrupts();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Sample take_guarded(const Sampler& sampler, std::chrono::milliseconds deadline) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw CannotMeasure(last_error("pipe2").text());
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const sigset_t set = interrupts();
  const UniqueFd signals = must(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");

  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw CannotMeasure(last_error("fork").text());
  if (pid == 0) child_main(sampler, writing.get(), self);
  ::setpgid(pid, pid);  // here too: the group must exist before the first kill
  SampleProcess child(pid);
  writing.reset();
  // A pidfd beside the pipe: a child that dies silently may leave the pipe open in a grandchild.
  const UniqueFd death = must(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd_open");

  const Instant last = now() + deadline;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(last - now());
    std::array<pollfd, 3> events{
        {{reading.get(), POLLIN, 0}, {death.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
    const int ready = ::poll(events.data(), events.size(), static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw CannotMeasure(last_error("poll").text());
    if (ready == 0)
      throw CannotMeasure(
          fmt::format("did not end within {} s", static_cast<double>(deadline.count()) / 1e3));
    signalfd_siginfo info{};
    if (events[2].revents != 0 && ::read(signals.get(), &info, sizeof info) == ssize_t{sizeof info}) {
      throw Interrupted(static_cast<int>(info.ssi_signo));
    }
    const std::optional<Report> report = read_report(reading.get());
    if (report && report->measured) return report->sample;
    if (report) throw CannotMeasure(report->reason.data());
    if (events[1].revents != 0) throw CannotMeasure(death_text(child.end()));
  }
}

}  // namespace drover::bench
