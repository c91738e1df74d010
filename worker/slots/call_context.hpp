// The context of one call in a function worker.
#pragma once

#include <drover/context.hpp>

#include "common/worker_lane.hpp"
#include "worker/stop_watch.hpp"

namespace drover {

class CallContext final : public Context {
 public:
  CallContext(WorkerLane& lane, StopWatch& watch, const TakenTask& task, std::uint64_t coordinator_seed)
      : lane_(lane), watch_(watch), task_(task), coordinator_seed_(coordinator_seed) {}

  void set_name(std::string_view name) { name_ = name; }

  void progress(std::uint64_t done, std::uint64_t total, std::string_view text) override {
    lane_.report_progress(task_.hand, done, total, text);
  }
  [[nodiscard]] bool stop_requested() const override { return lane_.stop_wanted(task_.hand); }
  [[nodiscard]] std::stop_token stop_token() override {
    (void)lane_.stop_wanted(task_.hand);  // says that this attempt listens
    return watch_.token(task_.hand);
  }
  [[nodiscard]] std::uint64_t task() const override { return task_.task; }
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::uint32_t attempt() const override { return task_.attempt; }
  [[nodiscard]] std::uint32_t slot() const override { return task_.slot; }
  // The coordinator's seed chooses a sequence of splitmix64 (Steele, Lea, Flood 2014), the task a place in
  // it.
  [[nodiscard]] std::uint64_t seed() const override {
    return mixed(mixed(coordinator_seed_) + task_.task * 0x9E3779B97F4A7C15);
  }

 private:
  static constexpr std::uint64_t mixed(std::uint64_t word) {
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9;
    word = (word ^ word >> 27) * 0x94D049BB133111EB;
    return word ^ word >> 31;
  }

  WorkerLane& lane_;
  StopWatch& watch_;
  const TakenTask& task_;
  std::uint64_t coordinator_seed_;
  std::string_view name_;
};

}  // namespace drover
