// Leaves a daemon behind: forked twice, in a session of its own, deaf to SIGTERM and SIGHUP, holding stdout.
// Prints the daemon's pid when it is all that.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

int main() {
  int ready[2];
  if (::pipe(ready) != 0) return 1;
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    ::signal(SIGTERM, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    const pid_t self = ::getpid();
    if (::write(ready[1], &self, sizeof self) != sizeof self) return 1;
    for (;;) ::pause();
  }
  pid_t daemon = 0;
  if (::read(ready[0], &daemon, sizeof daemon) != sizeof daemon) return 1;
  std::printf("%d\n", static_cast<int>(daemon));
  return 0;
}
