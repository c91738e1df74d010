// A thread that takes no signal: the host's are for its own threads to handle.
#pragma once

#include <signal.h>

#include <thread>
#include <utility>

namespace drover {

// Throws std::system_error; the caller's mask stays as it was.
template <class Run>
std::thread start_quiet_thread(Run run) {
  struct AllBlocked {
    AllBlocked() {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~AllBlocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before;
  };
  const AllBlocked inherited;
  return std::thread(std::move(run));
}

}  // namespace drover
