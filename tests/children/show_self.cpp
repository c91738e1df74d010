// Prints what it was given, a line each: whether it leads its session and group, its open descriptors, its
// parent's death signal, the signals that are blocked, ignored and caught (hexadecimal, as in
// /proc/self/status).
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

int main() {
  const pid_t self = ::getpid();
  std::printf("leads: %s\n", ::getsid(0) == self && ::getpgrp() == self ? "yes" : "no");
  std::printf("descriptors:");
  for (int fd = 0; fd < 4096; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) std::printf(" %d", fd);
  int death_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  std::printf("\ndeath signal: %d\n", death_signal);

  std::FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return 1;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr)
    for (const char* field : {"SigBlk", "SigIgn", "SigCgt"})
      if (std::strncmp(line, field, std::strlen(field)) == 0) std::fputs(line, stdout);
  return 0;
}
