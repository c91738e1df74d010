#include "worker/command/leftovers.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "common/own_children.hpp"

namespace drover {
namespace {

// Children that earlier commands could not get rid of. Only we reap, so their numbers stay theirs.
std::set<pid_t>& given_up() {
  static std::set<pid_t> pids;
  return pids;
}

std::uint64_t nanoseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_usec) * 1000U;
}

void add(Usage& usage, const rusage& more) {
  usage.user_ns += nanoseconds(more.ru_utime);
  usage.system_ns += nanoseconds(more.ru_stime);
  usage.max_rss_kib = std::max(usage.max_rss_kib, static_cast<std::uint64_t>(more.ru_maxrss));
  usage.minor_faults += static_cast<std::uint64_t>(more.ru_minflt);
  usage.major_faults += static_cast<std::uint64_t>(more.ru_majflt);
  usage.voluntary_switches += static_cast<std::uint64_t>(more.ru_nvcsw);
  usage.involuntary_switches += static_cast<std::uint64_t>(more.ru_nivcsw);
}

// While it lives, a child's end waits as a signal, and no end is missed between looking and waiting.
class ChildSignal {
 public:
  ChildSignal() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~ChildSignal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

  void wait(Duration at_most) {
    timespec left{};
    left.tv_sec = static_cast<time_t>(at_most.count() / 1'000'000'000);
    left.tv_nsec = static_cast<long>(at_most.count() % 1'000'000'000);
    ::sigtimedwait(&set_, nullptr, &left);
  }

 private:
  sigset_t set_{}, before_{};
};

class Ending {
 public:
  Ending(pid_t leader, GroupWas group) : leader_(leader), group_(group) {}

  // True: no child is left at all.
  bool reap_ended();
  void end_the_others(Duration give_up_after);
  [[nodiscard]] Leftovers take() { return std::move(found_); }
  void set_alone() { found_.leader_was_alone = others_ == 0 && found_.leader_status.has_value(); }

 private:
  void on_reaped(pid_t pid, int status, const rusage& usage);
  void kill_once(pid_t pid);
  void give_up_on(pid_t pid);

  pid_t leader_;
  GroupWas group_;
  Leftovers found_;
  std::uint32_t others_ = 0;
  std::set<pid_t> killed_;   // by us, and not yet reaped
  std::set<pid_t> counted_;  // those of them that were left behind
};

bool Ending::reap_ended() {
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
    if (pid > 0) on_reaped(pid, status, usage);
    if (pid == 0) return false;
    if (pid < 0 && errno == ECHILD) return true;
  }
}

void Ending::on_reaped(pid_t pid, int status, const rusage& usage) {
  if (given_up().erase(pid) > 0) return;  // of an earlier command
  add(found_.usage, usage);
  if (pid == leader_) {
    found_.leader_status = status;
    return;
  }
  ++others_;
  // One that had ended by itself was not left behind. SIGKILL tells them apart; it came to the group, or to
  // this one.
  const bool killed_alone = killed_.erase(pid) > 0;
  const bool counts = counted_.erase(pid) > 0 || (!killed_alone && group_ == GroupWas::Running);
  if (counts && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ++found_.left_behind;
}

void Ending::kill_once(pid_t pid) {
  if (!killed_.insert(pid).second) return;
  // The ladder has killed the whole group: who of it takes long to die was not left behind.
  if (group_ == GroupWas::Running || ::getpgid(pid) != leader_) counted_.insert(pid);
  ::kill(pid, SIGKILL);
}

void Ending::give_up_on(pid_t pid) {
  given_up().insert(pid);
  ++found_.unkillable;
  if (!found_.unkillable_names.empty()) found_.unkillable_names += ", ";
  found_.unkillable_names += process_label(pid);
}

void Ending::end_the_others(Duration give_up_after) {
  ChildSignal child_signal;
  const Instant deadline = now() + give_up_after;
  // Each death may hand us the children of the dead one: look again until there are none.
  while (!reap_ended()) {
    std::vector<pid_t> children = own_children();
    std::erase_if(children, [](pid_t pid) { return given_up().contains(pid); });
    if (children.empty()) return;
    for (const pid_t pid : children) kill_once(pid);
    const Duration left = deadline - now();
    if (left <= Duration::zero()) {
      for (const pid_t pid : children) give_up_on(pid);
      return;
    }
    child_signal.wait(left);
  }
}

}  // namespace

Leftovers end_leftovers(pid_t leader, GroupWas group, Duration give_up_after) {
  Ending ending(leader, group);
  // Before the leader is reaped: until then its number, and so the group's, is nobody else's.
  ::kill(-leader, SIGKILL);
  if (!ending.reap_ended()) ending.end_the_others(give_up_after);
  ending.set_alone();
  return ending.take();
}

}  // namespace drover
