#include "worker/command/start_child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

// The child borrows our memory until exec and never returns from its frames: no instrumentation that pairs
// entry with return, or it would stay unbalanced here.
#define DROVER_IN_CHILD \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))

namespace drover {
namespace {

constexpr std::size_t kStackSize = 64 * 1024;
alignas(64) std::byte child_stack[kStackSize];  // one child at a time is between clone and exec

// Written by the child, read here.
struct Note {
  volatile int step;
  volatile int code;
};

// In shared memory, so that it arrives even where the clone is emulated by a fork. Null: the system refused
// it.
Note* shared_note() {
  static void* const page =
      ::mmap(nullptr, sizeof(Note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? nullptr : static_cast<Note*>(page);
}

struct ChildWork {
  const char* const* programs;
  char** words;
  char* const* environment;
  const char* folder;  // null: ours
  std::array<int, 4> from;
  pid_t parent;
  const sigset_t* mask;
  const sigset_t* caught;
  Note* note;
};

constexpr std::array<int, 4> kPlaces = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, kProgressFd};

[[noreturn]] DROVER_IN_CHILD void refuse(const ChildWork& work, StartStep step, int code) {
  work.note->code = code;
  work.note->step = static_cast<int>(step);
  for (;;) ::syscall(SYS_exit_group, 127);  // no atexit handler, no destructor: they are the parent's
}

// The signals that we catch. Asked once: at 60 system calls, each command would pay more for it than for its
// pipes. What is caught later than the first command is default after exec like all others; only in the last
// microseconds before exec would our handler run in the child.
const sigset_t& caught_signals() {
  static const sigset_t set = [] {
    sigset_t caught;
    ::sigemptyset(&caught);
    for (int number = 1; number < NSIG; ++number) {
      struct sigaction action;
      if (::sigaction(number, nullptr, &action) != 0) continue;
      if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) ::sigaddset(&caught, number);
    }
    return caught;
  }();
  return set;
}

DROVER_IN_CHILD void reset_signals(const sigset_t& caught) {
  for (int number = 1; number < NSIG; ++number) {
    if (::sigismember(&caught, number) != 1) continue;
    struct sigaction plain = {};
    plain.sa_handler = SIG_DFL;
    ::sigaction(number, &plain, nullptr);
  }
}

DROVER_IN_CHILD void place_descriptors(ChildWork& work) {
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    refuse(work, StartStep::Descriptors, errno);
  // A source below the places would be overwritten before its turn.
  for (int& from : work.from)
    if (from <= kProgressFd && (from = ::fcntl(from, F_DUPFD_CLOEXEC, kProgressFd + 1)) < 0)
      refuse(work, StartStep::Descriptors, errno);
  for (std::size_t i = 0; i < kPlaces.size(); ++i)
    if (::dup2(work.from[i], kPlaces[i]) < 0) refuse(work, StartStep::Descriptors, errno);
}

// As execvp: goes on past what is missing or forbidden, remembers the latter, and lets sh run a script
// without `#!`.
DROVER_IN_CHILD int execute(const ChildWork& work) {
  int remembered = 0;
  for (const char* const* program = work.programs; *program != nullptr; ++program) {
    ::execve(*program, work.words + 1, work.environment);
    switch (errno) {
      case ENOEXEC:
        work.words[1] = const_cast<char*>(*program);
        ::execve(work.words[0], work.words, work.environment);
        return ENOEXEC;
      case EACCES:
        remembered = EACCES;
        break;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        if (remembered == 0) remembered = ENOENT;
        break;
      default:
        return errno;
    }
  }
  return remembered;
}

// Runs on a stack of its own in our memory, while we wait. Only raw calls.
DROVER_IN_CHILD int child_main(void* argument) {
  auto& work = *static_cast<ChildWork*>(argument);
  reset_signals(*work.caught);  // before anything is unblocked: a handler of ours must not run here
  if (::setsid() < 0) refuse(work, StartStep::Session, errno);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) refuse(work, StartStep::Session, errno);
  if (::getppid() != work.parent)
    refuse(work, StartStep::Parent, ESRCH);  // it died before prctl: no signal comes
  place_descriptors(work);
  if (work.folder != nullptr && ::chdir(work.folder) != 0) refuse(work, StartStep::Folder, errno);
  ::sigprocmask(SIG_SETMASK, work.mask, nullptr);
  refuse(work, StartStep::Exec, execute(work));
}

}  // namespace

StartedChild start_child(ChildImage& image, const std::string& folder, const ChildEnds& ends) {
  Note* const note = shared_note();
  if (note == nullptr) return {.refusal = {StartStep::Clone, ENOMEM}};
  note->step = static_cast<int>(StartStep::None);
  note->code = 0;

  sigset_t before;
  ChildWork work{.programs = image.programs(),
                 .words = image.words(),
                 .environment = image.environment(),
                 .folder = folder.empty() ? nullptr : folder.c_str(),
                 .from = {ends.in, ends.out, ends.err, ends.progress},
                 .parent = ::getpid(),
                 .mask = &before,
                 .caught = &caught_signals(),
                 .note = note};
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const pid_t pid = ::clone(child_main, child_stack + kStackSize,
                            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &work, &pidfd);
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return {.refusal = {StartStep::Clone, clone_error}};

  StartedChild started{.pid = pid, .pidfd = UniqueFd(pidfd), .refusal = late_refusal()};
  if (started.refusal.step == StartStep::None) return started;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return {.refusal = started.refusal};
}

Refusal late_refusal() {
  const Note* const note = shared_note();
  if (note == nullptr) return {};
  return {static_cast<StartStep>(note->step), note->code};
}

}  // namespace drover
