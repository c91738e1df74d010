// Leaves a process behind that is another one every moment: it forks and exits, in a session of its own, for
// ever. Ends when it has hopped a few times.
#include <signal.h>
#include <time.h>
#include <unistd.h>

int main() {
  int hops[2];
  if (::pipe(hops) != 0) return 1;
  if (::fork() == 0) {
    ::setsid();
    ::signal(SIGPIPE, SIG_IGN);
    for (;;) {
      const pid_t next = ::fork();
      if (next > 0) ::_exit(0);
      const char hop = '.';
      if (::write(hops[1], &hop, 1) < 0) hops[1] = -1;
      const timespec moment{0, 200'000};
      ::nanosleep(&moment, nullptr);
    }
  }
  for (int i = 0; i < 5; ++i) {
    char hop = 0;
    if (::read(hops[0], &hop, 1) != 1) return 1;
  }
  return 0;
}
