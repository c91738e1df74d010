// The only file that names Boost.Process. Its default_launcher gives us argv, environment and initialisers;
// its way of forking is replaced. Not used from it: the process object (it may wait for, or kill, a pid that
// was reaped by then, and needs an epoll, an eventfd and a timerfd here), bind_fd, close_all_fds,
// notify_fork.
#include "common/launch.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include <boost/process/v2/posix/default_launcher.hpp>

// The child borrows our memory until exec and never returns from its frames: no instrumentation that pairs
// entry with return, or it would stay unbalanced here.
#define DROVER_IN_CHILD \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))

namespace drover {
namespace {

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer's own clone() lets the child stop it from watching, and here the child shares its memory.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);
constexpr auto clone_call = __clone;
#else
constexpr auto clone_call = ::clone;
#endif

namespace bp = boost::process::v2;
using boost::system::error_code;
using Argv = const char* const*;

constexpr std::size_t kStackSize = 64 * 1024;
constexpr int kHighestTarget = 1023;
constexpr std::string_view kByDescriptor = "/proc/self/fd/";

class CloneLauncher : public bp::posix::default_launcher {
 public:
  // Child: which call was refused. A literal, for Error::call.
  const char* volatile refused = "";

  // Child: the error of the call that has just failed.
  DROVER_IN_CHILD error_code refuse(const char* call) {
    refused = call;
    return {errno, boost::system::system_category()};
  }

  template <class... Initialisers>
  Result<Launched> start(const bp::filesystem::path& program, Argv argv, const sigset_t& mask,
                         Initialisers&... initialisers);
};

// Puts the passed descriptors where they belong. All are first copied above every target, so none is
// overwritten before it was copied. The child's table is its own: our numbers do not change.
struct PlaceDescriptors {
  const std::vector<LaunchOptions::Pass>& pass;
  int above;              // every target is lower
  std::vector<int> high;  // one place for each

  error_code on_setup(CloneLauncher& launcher, const bp::filesystem::path&, Argv&) {
    high.assign(pass.size(), -1);
    for (const auto& each : pass) launcher.fd_whitelist.push_back(each.target);
    auto& kept = launcher.fd_whitelist;
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    return {};
  }

  DROVER_IN_CHILD error_code on_exec_setup(CloneLauncher& launcher, const bp::filesystem::path&, Argv&) {
    for (std::size_t i = 0; i < pass.size(); ++i) {
      high[i] = ::fcntl(pass[i].fd, F_DUPFD_CLOEXEC, above);
      if (high[i] < 0) return launcher.refuse("pass a descriptor to");
    }
    for (std::size_t i = 0; i < pass.size(); ++i)
      if (::dup2(high[i], pass[i].target) < 0) return launcher.refuse("place a descriptor of");
    unsigned first = 0;
    for (const int kept : launcher.fd_whitelist) {
      const auto number = static_cast<unsigned>(kept);
      if (number > first && ::syscall(SYS_close_range, first, number - 1, CLOSE_RANGE_CLOEXEC) != 0)
        return launcher.refuse("close_range for");
      first = number + 1;
    }
    if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
      return launcher.refuse("close_range for");
    return {};
  }
};

// Everything about the new process but its descriptors.
struct Surroundings {
  const LaunchOptions& options;
  pid_t parent;

  DROVER_IN_CHILD error_code on_exec_setup(CloneLauncher& launcher, const bp::filesystem::path&, Argv&) {
    // A handler of ours must not run in the child, whose memory is ours: default before anything is
    // unblocked.
    for (int number = 1; number < NSIG; ++number) {
      struct sigaction old;
      if (number == SIGKILL || number == SIGSTOP || ::sigaction(number, nullptr, &old) != 0) continue;
      const bool is_ignored = old.sa_handler == SIG_IGN;
      const bool ignore = options.ignored ? ::sigismember(&*options.ignored, number) == 1 : is_ignored;
      if (ignore ? is_ignored : old.sa_handler == SIG_DFL) continue;
      struct sigaction wanted = {};
      wanted.sa_handler = ignore ? SIG_IGN : SIG_DFL;
      if (::sigaction(number, &wanted, nullptr) != 0) return launcher.refuse("sigaction for");
    }
    if (options.new_session && ::setsid() < 0) return launcher.refuse("setsid for");
    if (options.subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return launcher.refuse("prctl for");
    if (options.death_signal != 0) {
      if (::prctl(PR_SET_PDEATHSIG, options.death_signal) != 0) return launcher.refuse("prctl for");
      if (::getppid() != parent) {  // it died before prctl, so no signal will come
        errno = ESRCH;
        return launcher.refuse("the parent of");
      }
    }
    return {};
  }
};

template <class Setup>
struct ChildWork {
  CloneLauncher& launcher;
  const char* program;
  Argv argv;
  const sigset_t& mask;
  Setup& setup;
  volatile int error = 0;
};

// Runs on a stack of its own in the parent's memory, while the calling thread of the parent waits. Only raw
// calls.
template <class Setup>
DROVER_IN_CHILD int child_main(void* argument) {
  auto& work = *static_cast<ChildWork<Setup>*>(argument);
  const error_code refused = work.setup();
  if (refused) {
    work.error = refused.value();
  } else {
    ::sigprocmask(SIG_SETMASK, &work.mask, nullptr);
    ::execve(work.program, const_cast<char* const*>(work.argv), const_cast<char* const*>(work.launcher.env));
    work.error = errno;
    work.launcher.refused = "exec";
  }
  ::syscall(SYS_exit_group, 127);  // no atexit handler, no destructor: they are the parent's
  return 127;
}

template <class... Initialisers>
Result<Launched> CloneLauncher::start(const bp::filesystem::path& program, Argv argv, const sigset_t& mask,
                                      Initialisers&... initialisers) {
  if (const error_code failed = bp::posix::detail::on_setup(*this, program, argv, initialisers...))
    return Error{"prepare", program.native(), failed.value()};
  auto setup = [&] { return bp::posix::detail::on_exec_setup(*this, program, argv, initialisers...); };
  ChildWork<decltype(setup)> work{*this, program.c_str(), argv, mask, setup};
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kStackSize);

  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  pid = clone_call(child_main<decltype(setup)>, stack.get() + kStackSize,
                   CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &work, &pidfd);
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) return Error{"clone for", program.native(), clone_error};
  Launched launched{pid, UniqueFd(pidfd)};
  if (work.error == 0) return launched;
  // By pidfd, not by pid: the host program may reap whatever it finds, and the number may be somebody else's
  // then.
  siginfo_t ended;
  while (::waitid(P_PIDFD, static_cast<id_t>(launched.pidfd.get()), &ended, WEXITED) != 0 && errno == EINTR) {
  }
  return Error{refused, program.native(), work.error};
}

// The descriptor that "/proc/self/fd/N" names, or -1.
int named_descriptor(std::string_view program) {
  if (!program.starts_with(kByDescriptor)) return -1;
  program.remove_prefix(kByDescriptor.size());
  int fd = -1;
  const auto [end, failed] = std::from_chars(program.data(), program.data() + program.size(), fd);
  return failed == std::errc() && end == program.data() + program.size() ? fd : -1;
}

}  // namespace

Result<Launched> launch(const LaunchOptions& options) {
  DROVER_CHECK(!options.args.empty());
  std::vector<LaunchOptions::Pass> pass = options.pass;
  const auto is_target = [&](int number) {
    return std::any_of(pass.begin(), pass.end(), [&](const auto& each) { return each.target == number; });
  };

  UniqueFd null;
  if (options.null_stdin && !is_target(STDIN_FILENO)) {
    null = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null) return last_error("open", "/dev/null");
    pass.push_back({null.get(), STDIN_FILENO});
  }
  int above = STDERR_FILENO + 1;
  for (std::size_t i = 0; i < pass.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      if (pass[j].target == pass[i].target)
        return Error{"pass two descriptors as one to", options.program, EINVAL};
    if (pass[i].target < 0 || pass[i].target > kHighestTarget)
      return Error{"pass a descriptor to", options.program, EBADF};
    if (pass[i].target >= above) above = pass[i].target + 1;
  }

  std::string program = options.program;
  UniqueFd image;
  if (const int fd = named_descriptor(program); fd >= 0) {
    // Above the targets, or placing them would replace the program.
    image = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, above));
    if (!image) return last_error("start", program);
    program = std::string(kByDescriptor) + std::to_string(image.get());
  }

  std::vector<const char*> argv;
  argv.reserve(options.args.size() + 1);
  for (const std::string& each : options.args) argv.push_back(each.c_str());
  argv.push_back(nullptr);

  sigset_t mask;
  if (options.mask)
    mask = *options.mask;
  else
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);

  PlaceDescriptors descriptors{pass, above, {}};
  Surroundings surroundings{options, ::getpid()};
  CloneLauncher launcher;
  return launcher.start(bp::filesystem::path(program), argv.data(), mask, surroundings, descriptors);
}

}  // namespace drover
