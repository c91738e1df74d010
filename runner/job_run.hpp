// One execution of a job file: feeds tasks to the plan, packs them for their workers, and shows what comes
// back. The middle between the engine and the views; knows nothing of command lines.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runner/jobfile/job.hpp"
#include "runner/jobfile/task_source.hpp"
#include "runner/plan/plan.hpp"
#include "runner/pool/engine.hpp"
#include "runner/view/output.hpp"
#include "runner/view/progress.hpp"

namespace drover {

struct JobRunOptions {
  EngineOptions engine;
  OutputOptions output;
  ProgressStyle progress = ProgressStyle::Auto;
  HaltPolicy halt;
  Duration timeout{0};  // for tasks that name none
  Duration grace = std::chrono::seconds(10);
  std::uint32_t retries = 0;
  // Blocked in the calling thread: SIGINT, SIGTERM and SIGHUP that come are then the run's to act on.
  bool handle_signals = false;
};

// Ended for good, and not well.
struct FailedTask {
  TaskId task = 0;
  std::string name;
  Outcome outcome;
  Attempt attempts = 0;
};

struct JobRunResult {
  PlanCounts counts;
  int signal = 0;                  // the one that ended the run, to be raised again
  bool input_failed = false;       // a line of the stream was wrong, or a task file could not be read on
  std::vector<FailedTask> failed;  // the first kMostFailed
};
inline constexpr std::size_t kMostFailed = 10'000;

class JobRun final : private EngineHost {
 public:
  // A job that is known as a whole.
  JobRun(JobRunOptions options, std::vector<TaskSpec> tasks);
  // A stream of independent tasks, read as they are wanted.
  JobRun(JobRunOptions options, std::unique_ptr<TaskSource> source);
  ~JobRun() override;

  // Runs it to its end, showing everything. An error: drover itself could not go on.
  Result<JobRunResult> run();

 private:
  bool feed(Plan& plan, std::vector<Action>& actions) override;
  bool may_start() override;
  void pack(const TaskRun& run, SlotNumber slot, Shipment& shipment) override;
  void on_given(TaskId task, Attempt attempt, SlotNumber slot) override;
  void on_live(TaskId task, UniqueFd out, UniqueFd err) override;
  void on_grown(TaskId task, std::uint64_t out_size, std::uint64_t err_size) override;
  void on_report(TaskId task, Attempt attempt, Report& report, bool retried) override;
  void on_quiet_success(TaskId first, std::uint32_t count, Attempt attempt) override;
  void on_actions(const std::vector<Action>& actions) override;
  void on_notice(std::string text) override;
  std::optional<Instant> next_wake() override;
  void tick(Instant now) override;

  void add_all(Plan& plan, std::vector<Action>& actions);
  bool add_from_source(Plan& plan, std::vector<Action>& actions);
  [[nodiscard]] PlanTask planned(const TaskSpec& task);
  [[nodiscard]] std::uint32_t group_of(const TaskSpec& spec);
  [[nodiscard]] const TaskSpec& spec(TaskId task) const;
  void forget(TaskId task);
  [[nodiscard]] Command make_command(const TaskSpec& spec, TaskId task, Attempt attempt,
                                     SlotNumber slot) const;
  void note_failure(TaskId task, Attempt attempt, const Report& report, bool retried);
  void watch_signals();
  void on_signal(int signal);
  void on_nudge();
  void nudge();
  void close_output();
  void update_progress();
  [[nodiscard]] Counts shown_counts() const;

  JobRunOptions options_;
  std::vector<TaskSpec> tasks_;                    // a whole job: by id - 1
  std::unique_ptr<TaskSource> source_;             // a stream
  std::unordered_map<TaskId, TaskSpec> streamed_;  // its tasks that are not final
  bool waiting_for_input_ = false;
  bool input_failed_ = false;
  Plan plan_;
  std::unique_ptr<OutputStage> output_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<Engine> engine_;
  std::map<std::string, std::uint32_t> groups_;
  std::map<std::string, std::uint32_t> function_numbers_;
  std::string run_id_;
  UniqueFd nudge_, signals_;
  std::atomic<TaskId> head_{0};
  std::atomic<bool> output_broken_{false};
  std::atomic<bool> output_closed_{false};
  int signal_ = 0;
  std::unordered_set<TaskId>
      reported_;  // ended without success, and the plan's word on them is still to come
  bool output_given_up_ = false;
  Instant begun_{};
  Instant last_look_{};  // at the progress inside of tasks
  std::string newest_;   // the shown name of the task that was given out last
  std::uint64_t cpu_ns_ = 0;
  std::vector<std::string> failed_names_;  // the first few
  std::vector<FailedTask> failed_;
  std::set<TaskId> cancelled_in_hand_;  // reported, their final action is still to come
};

}  // namespace drover
