// Tells the attempt in hand through a std::stop_token that it is asked to stop, without anybody looking.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

#include "common/claim.hpp"
#include "common/lane_format.hpp"

namespace drover {

class StopWatch {
 public:
  // Of a lane that lives as long as this.
  explicit StopWatch(const DownHeader& down) : down_(down) {}
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;
  ~StopWatch();

  // The token of this attempt, already told if it was asked before. The first call of all starts the thread
  // that waits for the asking, and on which callbacks run. Throws std::system_error. Any thread.
  std::stop_token token(Hand hand);
  // The attempt is over: its tokens are not told any more, but by a call that is under way.
  void forget();

 private:
  void start();
  void watch();
  void tell();

  const DownHeader& down_;
  std::mutex mutex_;  // not held while callbacks run: they may ask for a token
  std::stop_source source_{std::nostopstate};
  std::atomic<std::uint64_t> hand_{0};  // whose source_ is, packed; 0: nobody's. Changed under the mutex
  std::thread thread_;
  std::atomic<bool> ending_{false}, ended_{false};
};

}  // namespace drover
