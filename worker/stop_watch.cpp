#include "worker/stop_watch.hpp"

#include <pthread.h>
#include <signal.h>

#include "common/doorbell.hpp"

namespace drover {

// A worker is ended from outside and never comes here; a test does. The word can be waited on but not
// written, so the thread is woken until it has looked.
StopWatch::~StopWatch() {
  if (!thread_.joinable()) return;
  ending_ = true;
  while (!ended_) {
    futex_wake_one(down_.stops);
    std::this_thread::yield();
  }
  thread_.join();
}

std::stop_token StopWatch::token(Hand hand) {
  std::stop_token token;
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) start();
    if (hand_ != hand.pack()) {
      source_ = std::stop_source();
      hand_ = hand.pack();
    }
    token = source_.get_token();
  }
  tell();  // the thread may have looked before there was anybody to tell
  return token;
}

void StopWatch::forget() {
  if (hand_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  hand_ = 0;
  source_ = std::stop_source(std::nostopstate);
}

// Signals to the process are for the function's threads.
void StopWatch::start() {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct Restore {
    const sigset_t& mask;
    ~Restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const restore{before};
  thread_ = std::thread([this] { watch(); });
}

void StopWatch::watch() {
  for (;;) {
    // Before the look at what is wanted: what comes after the look ends the wait.
    const std::uint32_t seen = down_.stops.load(std::memory_order_seq_cst);
    if (ending_) break;
    tell();
    futex_wait(down_.stops, seen);
  }
  ended_ = true;
}

void StopWatch::tell() {
  const std::uint64_t wanted = down_.stop_wanted.load(std::memory_order_seq_cst);
  std::stop_source asked(std::nostopstate);
  {
    const std::lock_guard lock(mutex_);
    if (wanted == 0 || hand_ != wanted) return;
    asked = source_;
  }
  asked.request_stop();
}

}  // namespace drover
