// Runs two tasks whose processes do their best to get away, and waits to be killed. Each process writes a
// line into a FIFO when it is up.
//   fugitives FIFO [fork]      fork: leaves a child of its own behind, which says its number
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library_programs/host.hpp"

namespace {

void say(const std::string& fifo, const std::string& line) {
  const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  drover::test::expect(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()), "said");
  ::close(fd);
}

[[noreturn]] void stay(const std::string& fifo) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, 0);
  say(fifo, "up\n");
  for (;;) ::pause();
}

// A child in a session of its own, a grandchild whose parent has ended, and the function itself.
void fugitive(std::string fifo) {
  if (::fork() == 0) {
    ::setsid();
    stay(fifo);
  }
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) stay(fifo);
    ::_exit(0);
  }
  stay(fifo);
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  const std::string fifo = argv[1];
  drover::Coordinator coordinator({.workers = 2});
  auto first = coordinator.submit<&fugitive>(fifo);
  auto second = coordinator.submit<&fugitive>(fifo);
  if (argc > 2 && std::string_view(argv[2]) == "fork") {
    if (::fork() == 0) {
      say(fifo, std::to_string(::getpid()) + "\n");
      for (;;) ::pause();
    }
  }
  first.wait();
}
