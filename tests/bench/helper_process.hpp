// A forked partner of a sampler: the other end of a ping-pong, a receiver, a feeder. Killed and reaped with
// its owner.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "common/result.hpp"
#include "tests/bench/guarded.hpp"

namespace drover::bench {

class HelperProcess {
 public:
  // Runs body() in a fork of this process. Throws CannotMeasure.
  template <class Body>
  explicit HelperProcess(Body body) : pid_(::fork()) {
    if (pid_ < 0) throw CannotMeasure(last_error("fork").text());
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      body();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  HelperProcess(HelperProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  HelperProcess& operator=(HelperProcess&&) = delete;
  ~HelperProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    reap();
  }

  // Blocks until it ends by itself. Throws CannotMeasure unless it ended well.
  void wait_until_ended() {
    if (reap() != 0) throw CannotMeasure("a helper process failed");
  }

 private:
  int reap() {
    int status = -1;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  pid_t pid_;
};

}  // namespace drover::bench
