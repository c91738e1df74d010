// Runs a plan on worker processes: starts them through the keeper, fills their lanes, takes their outcomes,
// and when one dies, hangs or lies, accounts for exactly what it had in hand. One thread. Knows nothing of
// job files and views: these are the host's. What is decided here is where a task runs; whether it may run is
// the plan's.
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "runner/plan/balance.hpp"
#include "runner/plan/plan.hpp"
#include "runner/pool/host.hpp"
#include "runner/pool/keeper_client.hpp"
#include "runner/pool/oom_watch.hpp"
#include "runner/pool/poller.hpp"
#include "runner/pool/restart_limit.hpp"
#include "runner/pool/seat.hpp"

namespace drover {

// More tasks are asked for when fewer than this many are held that were not handed out.
inline constexpr std::uint64_t kLowWater = 2048;

// Calls that each function worker makes before any task are numbered from here on; the plan's are below.
inline constexpr TaskId kFirstSetUp = TaskId{1} << 62;

struct EngineOptions {
  enum class Spin { Off, Auto, Always };  // Auto: briefly, while there are processors for all who spin

  unsigned workers = 1;  // tasks at once, of whatever kind; at least 1
  unsigned cpus = 1;     // that this process may use
  std::string worker_program;
  int image_fd = -1;  // not -1: keeper and workers are this file instead, whose main calls worker_main
  std::vector<std::string> function_worker_args;  // more words for the command line of function workers
  std::vector<std::string> plugins;               // shared objects that function workers load
  std::vector<std::string> functions;             // the names that they then know, sorted
  RestartPolicy restart;
  Spin spin = Spin::Auto;
  std::uint32_t most_in_entry = 256;          // 1: each function task is an entry of its own
  std::uint64_t most_tasks_per_worker = 0;    // function workers are replaced after so many; 0: never
  Duration grace = std::chrono::seconds(10);  // for a stop that names none
  Duration kill_grace{
      0};  // between SIGTERM and SIGKILL for the worker of a function that must end; 0: no SIGTERM
  std::optional<sigset_t> mask;     // the signal mask that tasks get; none: the caller's
  std::optional<sigset_t> ignored;  // the signals that tasks ignore; none: the caller's
  // A command worker times and stops its command by itself; this long after it should have (it gives up twice
  // 5 s on what SIGKILL does not end), it is taken for stuck.
  Duration overdue = std::chrono::seconds(12);
  std::string oom_kills = "/proc/vmstat";  // where the kernel counts what it killed for memory
  bool reap_orphans = false;               // the host is a subreaper for us: bury what a dead keeper leaves
};

class Engine {
 public:
  // Starts the keeper; workers follow when tasks do. The host and the plan must outlive the engine.
  static Result<std::unique_ptr<Engine>> start(EngineOptions options, Plan& plan, EngineHost& host);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Until the plan is over. An error: drover itself cannot go on (no worker can be started).
  Status run();

  // From a watched descriptor's handler or the host's tick, or between start and run:
  // Soon: starts nothing more. Now: also ends what runs, SIGTERM first, SIGKILL after `grace`.
  void stop(StopKind kind, std::optional<Duration> grace = {});
  // Ends what runs by SIGKILL.
  void kill_all();
  // The task's output is wanted live, as soon as it runs.
  void go_live(TaskId task);
  [[nodiscard]] Poller& poller() { return poller_; }
  // Ends one task: at once if it was not handed out, else as its worker can. Unknown or final ones stay as
  // they are.
  void cancel(TaskId task);
  // From now on each function worker, old or new, calls this before the tasks that are handed out later. In
  // the order of the calls; host.on_set_up tells how each ended.
  // `shared` lives as long as the engine.
  void set_up(std::uint32_t function, std::string args, std::vector<SharedPart> shared);
  // Workers may unmap this part: no task will refer to it any more.
  void forget_shared(std::uint64_t id);

  // For views.
  [[nodiscard]] unsigned running() const;
  [[nodiscard]] unsigned workers_lost() const { return workers_lost_; }
  [[nodiscard]] std::size_t workers_alive() const { return seats_.size(); }
  // LaneProgress of the attempts in hand, by task.
  [[nodiscard]] std::vector<std::pair<TaskId, LaneProgress>> progress() const;
  [[nodiscard]] std::vector<pid_t> worker_pids() const;

 private:
  friend class OutcomeTaker;
  Engine(EngineOptions options, Plan& plan, EngineHost& host);

  // engine.cpp, outcomes.cpp
  bool drain_all();
  bool drain(Seat& seat);
  void take_report(Seat& seat, const LaneOutcome& outcome);
  void take_quiet(Seat& seat, TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns);
  void take_results(Seat& seat, const LaneRun& told, std::uint64_t wall_ns);
  void count_success(Seat& seat, TaskId first, std::uint32_t count, Attempt attempt, std::uint64_t wall_ns);
  void take_set_up(Seat& seat, const LaneOutcome& outcome);
  void settle_set_up(const Seat& seat, std::uint32_t number);
  void after_outcomes(Seat& seat);
  void finish_attempt(TaskId task, Attempt attempt, Report& report);
  bool tell_actions();  // false: there was nothing to tell
  void sleep();
  bool spin();
  [[nodiscard]] CoordinatorLane::Greeting greeting(const Seat& seat) const;
  [[nodiscard]] bool outcomes_waiting() const;
  bool catch_liars();
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  void hear(Seat& seat);
  void read_socket(Seat& seat);
  void begin_live(Seat& seat);
  void take_live(Seat& seat, TaskId task, Attempt attempt);
  void tell_growth(Seat& seat);
  [[nodiscard]] static const Given* given_of(Seat& seat, TaskId task);

  // dispatch.cpp
  bool fill();
  bool fill(TaskKind kind);
  void retire_for_suspect(TaskKind kind);
  bool give(Seat& seat, std::uint32_t share);
  bool push(Seat& seat, const TaskRun& run);
  CoordinatorLane::Push push_by_descriptor(Seat& seat, const LaneRun& run, std::uint32_t function,
                                           std::string_view args);
  bool push_set_ups(Seat& seat);
  bool share(Seat& seat, const std::vector<SharedPart>& parts);
  void unshare(Seat& seat);
  bool send(Seat& seat, const LaneMessage& message, const int* fd);
  void on_socket(Seat& seat);
  bool rebalance(TaskKind kind);
  void give_back(Seat& seat, const std::vector<LaneRun>& runs);
  [[nodiscard]] std::uint32_t depth_for(std::uint32_t group) const;
  [[nodiscard]] LengthEstimate& estimate(std::uint32_t group);
  void occupy(Seat& seat);
  void vacate(Seat& seat);
  void set_spins();

  // supervision.cpp
  Status start_keeper();
  Seat* start_worker(TaskKind kind);
  [[nodiscard]] std::vector<std::string> worker_args(TaskKind kind) const;
  bool settle_for_fewer(const Error& error);
  void on_keeper();
  void on_keeper_death();
  void wait_for_workers() const;
  void reap_orphans();
  void on_started(WorkerId id, pid_t pid, UniqueFd pidfd);
  void on_start_failed(WorkerId id, const std::string& text);
  void on_exited(WorkerId id, int status, const Usage& usage, unsigned unkillable, const std::string& names);
  void on_death(Seat& seat);
  void on_liar(Seat& seat);
  void kill(Seat& seat);
  void account(Seat& seat, int status, const Usage& usage, unsigned unkillable, const std::string& names);
  void remove(Seat& seat);
  void count_idle_death(RestartLimit& limit, const std::string& what);
  [[nodiscard]] RestartLimit& limit_of(TaskKind kind);
  [[nodiscard]] Seat* find(WorkerId id);

  // stopping.cpp
  void check_deadlines(Instant now);
  void check_deadline(Seat& seat, Instant now);
  void arm(Seat& seat);
  void end_attempt(Seat& seat, const CoordinatorLane::InHand& in_hand, OutcomeKind kind, Duration grace);
  void end_by_force(Seat& seat, const CoordinatorLane::InHand& in_hand);
  void cancel_in_hand(Seat& seat, Duration grace);
  void stop_workers();
  void end_handed_out(const Action& action);
  void send_live_wish();

  EngineOptions options_;
  Plan& plan_;
  EngineHost& host_;
  Poller poller_;
  std::optional<KeeperClient> keeper_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<bool> slots_;                // [i]: slot i + 1 is taken
  std::vector<LengthEstimate> estimates_;  // by group
  std::vector<Action> actions_;
  Shipment shipment_;
  struct SetUp {
    std::uint32_t function = 0;
    std::string args;
    std::vector<SharedPart> shared;
    unsigned owed = 0;  // by workers that were there when it was asked for
  };
  std::vector<SetUp> set_ups_;
  bool set_ups_wait_ = false;  // some worker could not be given them yet
  RestartLimit keeper_limit_, command_limit_, function_limit_;
  std::uint64_t functions_hash_ = 0;
  WorkerId last_worker_ = 0;
  unsigned workers_lost_ = 0;
  std::optional<Error> failure_;
  std::optional<TaskId> live_wish_;     // not fulfilled yet
  std::optional<Duration> stop_grace_;  // set once what runs is being ended
  // Were in a lane that was damaged, by which of them nobody knows: each is given alone, so that the next
  // damage has one author.
  std::set<TaskId> suspects_;
  bool killing_ = false;
  std::size_t most_seats_ = SIZE_MAX;  // lower once the machine has refused more
  std::optional<Instant> look_again_;  // whether a lane that was left alone should be relieved after all
  bool deadlines_ = false;             // some seat may have one
  bool impatient_ = false;             // the last sleep with patience brought nothing
  Instant last_poll_{};
  OomWatch oom_watch_;
};

}  // namespace drover
