// A thread on which a user's continuations run, and the output of functions is written: both may take their
// time, and the engine's thread must not wait for them. Started with the first call.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace drover {

class Callbacks : public std::enable_shared_from_this<Callbacks> {
 public:
  // In the order of the calls. False: it has been finished, nothing is done.
  bool post(std::function<void()> call);
  // Runs what is posted, and what that posts, then ends the thread and waits for it. From a callback: the
  // thread ends by itself, and nobody waits.
  void finish();
  [[nodiscard]] bool on_this_thread() const;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> calls_;
  std::thread thread_;
  bool finishing_ = false;
  bool ended_ = false;
};

}  // namespace drover
