// A host with everything that a library might disturb: open descriptors, threads, handlers, a mask, ignored
// signals, a folder, a umask, closed standard descriptors. All of it is compared before, while and after a
// Coordinator works, and with what its workers find.
//   surroundings FOLDER CLOSED     CLOSED: standard descriptors to be closed, such as 01
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <clocale>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library_programs/host.hpp"

namespace {

using drover::test::expect;
using namespace std::chrono_literals;

// What each descriptor refers to. The one that lists them is not among them.
std::map<int, std::string> descriptors() {
  std::map<int, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    char target[PATH_MAX] = {};
    if (::readlink(entry.path().c_str(), target, sizeof target - 1) > 0)
      found[std::stoi(entry.path().filename().string())] = target;
  }
  std::erase_if(found, [](const auto& each) { return each.second.ends_with("/fd"); });
  return found;
}

std::vector<int> in_mask() {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  std::vector<int> blocked;
  for (int number = 1; number < NSIG; ++number)
    if (::sigismember(&mask, number) == 1) blocked.push_back(number);
  return blocked;
}

std::vector<int> with_handler(void (*handler)(int)) {
  std::vector<int> numbers;
  for (int number = 1; number < NSIG; ++number)
    if (struct sigaction found; ::sigaction(number, nullptr, &found) == 0 && found.sa_handler == handler)
      numbers.push_back(number);
  return numbers;
}

void handler(int) {}

// Of the calling thread and its process, but for the descriptors.
struct State {
  std::vector<int> blocked = in_mask();
  std::vector<int> ignored = with_handler(SIG_IGN);
  std::vector<int> defaults = with_handler(SIG_DFL);
  std::vector<int> handled = with_handler(handler);
  std::string folder = std::filesystem::current_path();
  unsigned umask = [] {
    const mode_t now = ::umask(0);
    ::umask(now);
    return static_cast<unsigned>(now);
  }();
  std::string locale = std::setlocale(LC_ALL, nullptr);
  friend bool operator==(const State&, const State&) = default;
};

// In a worker.
std::vector<std::string> descriptors_here() {
  std::vector<std::string> found;
  for (const auto& [number, target] : descriptors()) found.push_back(target);
  return found;
}
std::vector<int> blocked_here() {
  return in_mask();
}
std::vector<int> ignored_here() {
  return with_handler(SIG_IGN);
}
std::string folder_here() {
  return std::filesystem::current_path();
}
int parent() {
  return ::getppid();
}
void crash() {
  ::raise(SIGKILL);
}
void print() {
  std::puts("printed by a task");
  std::fputs("printed by a task\n", stderr);
}
void pause_for_ever() {
  for (;;) ::pause();
}

void make_busy_host(const char* folder) {
  expect(::chdir(folder) == 0, "chdir");
  ::umask(027);
  // None of them closes on exec.
  expect(::open("secret", O_RDWR | O_CREAT, 0600) >= 0, "a file");
  int pair[2];
  expect(::pipe(pair) == 0 && ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pipe and sockets");
  expect(::fcntl(pair[0], F_DUPFD, 900) >= 0, "a high number");
  for (const int number : {SIGINT, SIGTERM, SIGUSR2}) ::signal(number, handler);
  for (const int number : {SIGPIPE, SIGCHLD, SIGHUP}) ::signal(number, SIG_IGN);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
}

// Files that get the numbers of standard descriptors which were closed when the Coordinator was made.
class Precious {
 public:
  Precious() {
    for (int fd = first_free(); fd <= STDERR_FILENO; fd = first_free()) {
      expect(::open("precious", O_RDWR | O_CREAT | O_CLOEXEC, 0600) == fd, "a file");
      fds_.push_back(fd);
    }
  }
  ~Precious() {
    for (const int fd : fds_) ::close(fd);
  }
  void check() const {
    for (const int fd : fds_)
      expect(::lseek(fd, 0, SEEK_END) == 0, "what tasks print goes to no file of the host");
  }

 private:
  static int first_free() {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(fd);
    return fd;
  }
  std::vector<int> fds_;
};

void work(drover::Coordinator& coordinator) {
  auto crashed = coordinator.submit<&crash>();
  auto timed_out = coordinator.submit<&pause_for_ever>({.timeout = 1ms});
  auto printed = coordinator.submit<&print>();
  crashed.wait();
  timed_out.wait();
  printed.get();
  expect(crashed.state() == drover::TaskStatus::WorkerDied, "a crash is told");
  expect(timed_out.state() == drover::TaskStatus::TimedOut, "a timeout is told");
  expect(printed.info().out == "printed by a task\n", "what was printed is kept");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  expect(argc == 3, "called with FOLDER CLOSED");
  make_busy_host(argv[1]);
  for (const char each : std::string_view(argv[2])) ::close(each - '0');
  const State before;
  const auto open_before = descriptors();
  {
    drover::Coordinator coordinator({.workers = 2});
    const Precious precious;
    work(coordinator);
    precious.check();
    for (const std::string& target : coordinator.submit<&descriptors_here>().get()) {
      const bool ours = std::any_of(open_before.begin(), open_before.end(), [&](const auto& each) {
        return each.second == target && target != "/dev/null";
      });
      if (ours) std::fprintf(stderr, "a worker has %s\n", target.c_str());
      expect(!ours, "workers have none of the host's descriptors");
    }
    std::vector<int> ignored = before.ignored;
    std::erase(ignored, SIGCHLD);  // who ignores it cannot wait for children
    expect(coordinator.submit<&ignored_here>().get() == ignored, "workers ignore what the host ignores");
    expect(coordinator.submit<&blocked_here>().get() == before.blocked, "workers block what the host blocks");
    expect(coordinator.submit<&folder_here>().get() == before.folder, "workers are in the host's folder");
    ::kill(coordinator.submit<&parent>().get(), SIGKILL);
    expect(coordinator.submit<&blocked_here>({.retries = 5}).get() == before.blocked,
           "workers of another keeper block what the host blocked, too");
    expect(State() == before, "nothing of the host is changed while it works");
    const auto open = descriptors();
    expect(std::includes(open.begin(), open.end(), open_before.begin(), open_before.end()),
           "the host's descriptors are what they were");
  }
  expect(State() == before, "nothing of the host is changed afterwards");
  expect(descriptors() == open_before, "no descriptor is left");
}
