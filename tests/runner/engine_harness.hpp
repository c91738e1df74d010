// An engine in the test's own process, with real workers. Its host has a list of shell commands, remembers
// what it is told, and decides nothing.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/command.hpp"
#include "runner/pool/engine.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {

class EngineHarness final : private EngineHost {
 public:
  struct Told {
    Attempt attempt = 0;
    Outcome outcome;
    std::string out, err;
  };

  explicit EngineHarness(std::vector<std::string> shell_commands) : commands_(std::move(shell_commands)) {
    const char* bin = ::getenv("DROVER_BIN");
    REQUIRE_MESSAGE(bin != nullptr, "DROVER_BIN names no folder with the programs to test");
    options.worker_program = std::string(bin) + "/drover-worker";
    // Keeper, workers and commands inherit it: the space finds what is left.
    const auto equals = space.mark().find('=');
    ::setenv(space.mark().substr(0, equals).c_str(), space.mark().substr(equals + 1).c_str(), 1);
  }

  // To be set before run.
  EngineOptions options;
  std::uint32_t retries = 0;
  Duration timeout{0}, grace{0};    // as the engine knows them
  Duration workers_own_timeout{0};  // 0: the worker does not time its command, so the engine has to

  const TestSpace space;  // where the commands run

  // Calls `handler` once, from the running engine, as soon as a command has written into the FIFO.
  void on_fifo(const std::string& name, std::function<void(Engine&)> handler) {
    handlers_.emplace_back(std::make_unique<Fifo>(space.fifo(name)), std::move(handler));
  }
  // Until the plan is over and the keeper has ended.
  Status run() {
    auto started = Engine::start(options, plan_, *this);
    if (!started) return started.error();
    engine_ = std::move(started.value());
    for (const auto& each : handlers_) {
      const int fd = each.first->fd();
      auto watched = engine_->poller().watch(fd, Poller::Trigger::Level, [this, fd, &each] {
        engine_->poller().forget(fd);
        each.second(*engine_);
      });
      REQUIRE(watched);
    }
    Status ended = engine_->run();
    workers_lost = engine_->workers_lost();
    engine_.reset();
    space.check_nothing_left();
    return ended;
  }

  // The last attempt of each task that reported one; those that end well say so, too.
  std::map<TaskId, Told> told;
  std::vector<std::string> notices;
  unsigned workers_lost = 0;
  [[nodiscard]] PlanCounts counts() const { return plan_.counts(); }

 private:
  bool feed(Plan& plan, std::vector<Action>& actions) override {
    for (std::size_t i = 0; i < commands_.size(); ++i) plan.add({.retries = retries}, actions);
    plan.input_ended(actions);
    return true;
  }
  bool may_start() override { return true; }
  void pack(const TaskRun& run, SlotNumber, Shipment& shipment) override {
    REQUIRE(run.count == 1);
    Command command;
    command.argv = {"/bin/sh", "-c", commands_[run.first - 1]};
    command.cwd = space.path("");
    command.timeout = workers_own_timeout;
    command.grace = grace;
    shipment.storage = {encode_command(command)};
    shipment.args = {shipment.storage.front()};
    shipment.timeout = timeout;
    shipment.grace = grace;
  }
  void on_given(TaskId, Attempt, SlotNumber) override {}
  void on_live(TaskId, UniqueFd, UniqueFd) override {}
  void on_grown(TaskId, std::uint64_t, std::uint64_t) override {}
  void on_report(TaskId task, Attempt attempt, Report& report, bool) override {
    told[task] = {attempt, report.outcome, report.out.head, report.err.head};
  }
  void on_quiet_success(TaskId first, std::uint32_t count, Attempt attempt) override {
    while (count-- > 0) told[first++].attempt = attempt;
  }
  void on_actions(const std::vector<Action>&) override {}
  void on_notice(std::string text) override { notices.push_back(std::move(text)); }
  std::optional<Instant> next_wake() override { return std::nullopt; }
  void tick(Instant) override {}

  std::vector<std::string> commands_;
  std::vector<std::pair<std::unique_ptr<Fifo>, std::function<void(Engine&)>>> handlers_;
  Plan plan_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace drover::test
