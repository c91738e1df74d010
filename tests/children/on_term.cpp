// on_term ignore | exit N | cleanup: says "1/1 ready" on $DROVER_PROGRESS_FD, then waits for SIGTERM.
//   ignore   goes on for ever
//   exit N   exits with N
//   cleanup  takes a tenth of a second, prints "cleaned up", exits with 0
// With a further word `stopped` a child of it does that, and is stopped (SIGSTOP) before it says so.
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace {

void say_ready(const char* fd) {
  const char ready[] = "1/1 ready\n";
  if (::write(std::atoi(fd), ready, sizeof ready - 1) < 0) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  const char* fd = std::getenv("DROVER_PROGRESS_FD");
  if (argc < 2 || fd == nullptr) return 2;
  const bool ignores = std::strcmp(argv[1], "ignore") == 0;
  const bool exits = std::strcmp(argv[1], "exit") == 0 && argc > 2;

  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  if (ignores)
    ::signal(SIGTERM, SIG_IGN);
  else
    ::sigprocmask(SIG_BLOCK, &term, nullptr);
  if (std::strcmp(argv[argc - 1], "stopped") == 0) {
    const pid_t stopped = ::fork();
    if (stopped > 0) {
      int status = 0;
      ::waitpid(stopped, &status, WUNTRACED);
      say_ready(fd);
      ::waitpid(stopped, &status, 0);
      return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    ::raise(SIGSTOP);
  } else {
    say_ready(fd);
  }
  if (ignores)
    for (;;) ::pause();

  int signal = 0;
  ::sigwait(&term, &signal);
  if (exits) return std::atoi(argv[2]);
  const timespec tenth{0, 100'000'000};
  ::nanosleep(&tenth, nullptr);
  const char done[] = "cleaned up\n";
  return ::write(STDOUT_FILENO, done, sizeof done - 1) < 0 ? 1 : 0;
}
