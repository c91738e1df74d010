#include "runner/job_run.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runner/view/summary.hpp"

namespace drover {
namespace {

// Tasks taken from a stream in one go, before what is ready is handed out.
constexpr unsigned kFeedAtOnce = 256;
// Groups of tasks whose length is estimated apart; further ones share the first.
constexpr std::size_t kMostGroups = 1000;
// How often a bar looks at the progress inside of tasks.
constexpr Duration kLookEvery = std::chrono::seconds(1);
}  // namespace

JobRun::JobRun(JobRunOptions options, std::vector<TaskSpec> tasks)
    : options_(std::move(options)), tasks_(std::move(tasks)), plan_(options_.halt, FinalStates::Kept) {}

JobRun::JobRun(JobRunOptions options, std::unique_ptr<TaskSource> source)
    : options_(std::move(options)),
      source_(std::move(source)),
      plan_(options_.halt, FinalStates::Forgotten) {}

JobRun::~JobRun() = default;

Result<JobRunResult> JobRun::run() {
  begun_ = now();
  run_id_ = fmt::format("{:x}-{}", ::time(nullptr), ::getpid());
  for (std::size_t i = 0; i < options_.engine.functions.size(); ++i)
    function_numbers_[options_.engine.functions[i]] = static_cast<std::uint32_t>(i);
  nudge_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!nudge_) return last_error("eventfd");

  auto engine = Engine::start(options_.engine, plan_, *this);
  if (!engine) return engine.error();
  engine_ = std::move(engine.value());
  if (auto watched = engine_->poller().watch(nudge_.get(), Poller::Trigger::Level, [this] { on_nudge(); });
      !watched)
    return watched.error();
  if (options_.handle_signals) watch_signals();

  auto output = OutputStage::start(options_.output, {.on_head =
                                                         [this](TaskId head) {
                                                           head_.store(head);
                                                           nudge();
                                                         },
                                                     .on_drained = [this] { nudge(); },
                                                     .on_broken =
                                                         [this] {
                                                           output_broken_.store(true);
                                                           nudge();
                                                         },
                                                     .on_closed =
                                                         [this] {
                                                           output_closed_.store(true);
                                                           nudge();
                                                         }});
  if (!output) return output.error();
  output_ = std::move(output.value());
  progress_ = std::make_unique<Progress>(
      options_.progress, options_.output.err_fd,
      Progress::Display{.status = [this](std::string text) { output_->set_status(std::move(text)); },
                        .line = [this](std::string text) { output_->note(std::move(text)); }},
      begun_);

  const Status ended = engine_->run();
  update_progress();
  progress_->finish();
  output_->note(closing_summary({.counts = shown_counts(),
                                 .wall = now() - begun_,
                                 .cpu = Duration(static_cast<std::int64_t>(cpu_ns_)),
                                 .workers = options_.engine.workers,
                                 .lost_workers = engine_->workers_lost(),
                                 .failed = failed_names_}));
  close_output();
  const JobRunResult result{.counts = plan_.counts(),
                            .signal = output_broken_.load() ? SIGPIPE : signal_,
                            .input_failed = input_failed_,
                            .failed = std::move(failed_)};
  engine_.reset();  // waits until nothing of the run is left
  if (!ended) return ended.error();
  return result;
}

// Waits until everything is written, however slow the reader is; a signal gives up what is left.
void JobRun::close_output() {
  output_->close();
  while (!output_closed_.load()) engine_->poller().wait(std::nullopt);
  output_->finish();
}

// --- tasks in

bool JobRun::feed(Plan& plan, std::vector<Action>& actions) {
  if (source_) return add_from_source(plan, actions);
  add_all(plan, actions);
  return true;
}

void JobRun::add_all(Plan& plan, std::vector<Action>& actions) {
  for (const TaskSpec& each : tasks_) plan.add(planned(each), actions);
  plan.input_ended(actions);
}

bool JobRun::add_from_source(Plan& plan, std::vector<Action>& actions) {
  if (waiting_for_input_) return false;
  for (unsigned i = 0; i < kFeedAtOnce; ++i) {
    TaskSpec task;
    Diagnostic diagnostic;
    switch (source_->next(task, diagnostic)) {
      case TaskSource::Next::Task: {
        const TaskId id = plan.counts().total + 1;
        const PlanTask as_planned = planned(task);
        streamed_.emplace(id, std::move(task));
        const TaskId added = plan.add(as_planned, actions);
        DROVER_CHECK(added == id);
        break;
      }
      case TaskSource::Next::Blocked: {
        // Level-triggered, so only watched while it is wanted.
        const int fd = source_->wait_fd();
        waiting_for_input_ = true;
        auto watched = engine_->poller().watch(fd, Poller::Trigger::Level, [this, fd] {
          engine_->poller().forget(fd);
          waiting_for_input_ = false;
        });
        if (!watched) {
          waiting_for_input_ = false;
          output_->note(fmt::format("drover: cannot wait for more input: {}\n", watched.error().text()));
          input_failed_ = true;
          plan.input_ended(actions);
        }
        return i != 0;
      }
      case TaskSource::Next::Error:
        output_->note(format(diagnostic) + "\n");
        input_failed_ = true;
        plan.input_ended(actions);
        return true;
      case TaskSource::Next::End:
        plan.input_ended(actions);
        return true;
    }
  }
  return true;
}

// A function with a timeout travels alone: what holds for a run of tasks holds for all of them.
PlanTask JobRun::planned(const TaskSpec& task) {
  return {.kind = task.kind,
          .group = group_of(task),
          .retries = task.retries.value_or(options_.retries),
          .after = task.after,
          .alone = task.kind == TaskKind::Function && task.timeout.value_or(options_.timeout) > Duration(0)};
}

std::uint32_t JobRun::group_of(const TaskSpec& each) {
  const std::string& key = each.kind == TaskKind::Function ? each.function : each.argv.front();
  const auto known = groups_.find(key);
  if (known != groups_.end()) return known->second;
  if (groups_.size() >= kMostGroups) return 0;
  const auto number = static_cast<std::uint32_t>(groups_.size());
  groups_.emplace(key, number);
  return number;
}

const TaskSpec& JobRun::spec(TaskId task) const {
  return source_ ? streamed_.at(task) : tasks_[task - 1];
}

void JobRun::forget(TaskId task) {
  if (source_) streamed_.erase(task);
}

// --- tasks out

bool JobRun::may_start() {
  return !output_->full();
}

Command JobRun::make_command(const TaskSpec& task, TaskId id, Attempt attempt, SlotNumber slot) const {
  Command command;
  command.argv = task.argv;
  command.env = task.env;
  command.env.emplace_back("DROVER_RUN", run_id_);
  command.env.emplace_back("DROVER_TASK", task.shown_name(id));
  command.env.emplace_back("DROVER_SEQ", std::to_string(id));
  command.env.emplace_back("DROVER_SLOT", std::to_string(slot));
  command.env.emplace_back("DROVER_ATTEMPT", std::to_string(attempt));
  command.cwd = task.cwd;
  command.stdin_kind = task.stdin_kind;
  command.stdin_value = task.stdin_value;
  command.timeout = task.timeout.value_or(options_.timeout);
  command.grace = task.grace.value_or(options_.grace);
  command.live_output = options_.output.mode == OutputOptions::Mode::Line;
  return command;
}

void JobRun::pack(const TaskRun& run, SlotNumber slot, Shipment& shipment) {
  shipment.storage.resize(run.count);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const TaskSpec& task = spec(run.first + i);
    if (task.kind == TaskKind::Command) {
      const Command command = make_command(task, run.first + i, run.attempt, slot);
      shipment.storage[i] = encode_command(command);
      shipment.timeout = command.timeout;
      shipment.grace = command.grace;
    } else {
      shipment.function = function_numbers_.at(task.function);
      shipment.storage[i] = encode_values(task.args);
      shipment.timeout = task.timeout.value_or(options_.timeout);
      shipment.grace = task.grace.value_or(options_.grace);
    }
  }
  for (const std::string& each : shipment.storage) shipment.args.emplace_back(each);
}

void JobRun::on_given(TaskId task, Attempt, SlotNumber) {
  newest_ = spec(task).shown_name(task);
  output_->begin(task, newest_);
}

void JobRun::on_live(TaskId task, UniqueFd out, UniqueFd err) {
  output_->live(task, std::move(out), std::move(err));
}

void JobRun::on_grown(TaskId task, std::uint64_t out_size, std::uint64_t err_size) {
  output_->grown(task, out_size, err_size);
}

void JobRun::on_report(TaskId task, Attempt attempt, Report& report, bool retried) {
  cpu_ns_ += report.outcome.usage.user_ns + report.outcome.usage.system_ns;
  std::string failure;
  if (!report.outcome.succeeded()) {
    const TaskSpec& failed = spec(task);
    const std::uint32_t attempts = failed.retries.value_or(options_.retries) + 1;
    const bool shown =
        !retried && options_.output.mode != OutputOptions::Mode::None && !options_.output.keep_order;
    failure = failure_note(failed.shown_name(task), report.outcome, attempt, attempts, read_tail(report.err),
                           shown ? StderrTail::ShownAlready : StderrTail::Show);
    if (!retried) reported_.insert(task);
    if (!retried && failed_.size() < kMostFailed)
      failed_.push_back({task, failed.shown_name(task), report.outcome, attempt});
    if (!retried && report.outcome.kind != OutcomeKind::Cancelled && failed_names_.size() < kNamedFailures)
      failed_names_.push_back(failed.shown_name(task));
  } else if (report.outcome.left_behind != 0) {
    failure =
        fmt::format("drover: task {} left {} process{} behind, ended with it\n", spec(task).shown_name(task),
                    report.outcome.left_behind, report.outcome.left_behind == 1 ? "" : "es");
  }
  output_->end(task, std::move(report.out), std::move(report.err), !retried);
  if (!failure.empty()) output_->note(std::move(failure));
  update_progress();
}

void JobRun::on_quiet_success(TaskId first, std::uint32_t count, Attempt) {
  for (TaskId task = first; task < first + count; ++task) output_->end(task, {}, {}, true);
  update_progress();
}

void JobRun::on_actions(const std::vector<Action>& actions) {
  for (const Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::Final:
        // Cancelled before its first attempt, or while it was queued: nothing was or will be reported of it.
        for (TaskId task = action.task; task < action.task + action.count; ++task) {
          if (reported_.erase(task) == 0 && action.state == TaskState::Cancelled) output_->nothing(task);
          forget(task);
        }
        break;
      case Action::Kind::Skip:
        output_->note(fmt::format("drover: task {} skipped: it needs {}, which did not succeed\n",
                                  spec(action.task).shown_name(action.task),
                                  spec(action.because).shown_name(action.because)));
        output_->nothing(action.task);
        forget(action.task);
        break;
      case Action::Kind::Halt:
        output_->note(options_.halt.when == HaltPolicy::When::Now
                          ? "drover: halting: what runs is ended, nothing more is started\n"
                          : "drover: halting: what runs may finish, nothing more is started\n");
        break;
      case Action::Kind::Retry:
      case Action::Kind::Cancel:
        break;
    }
  }
  update_progress();
}

void JobRun::on_notice(std::string text) {
  output_->note("drover: " + std::move(text) + "\n");
}

// --- signals and wake-ups

void JobRun::watch_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction current {};
    // Ignored from the start (nohup): stays so.
    if (::sigaction(signal, nullptr, &current) == 0 && current.sa_handler != SIG_IGN)
      sigaddset(&wanted, signal);
  }
  signals_ = UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return;
  (void)engine_->poller()
      .watch(signals_.get(), Poller::Trigger::Level,
             [this] {
               signalfd_siginfo info{};
               while (::read(signals_.get(), &info, sizeof info) == sizeof info)
                 on_signal(static_cast<int>(info.ssi_signo));
             })
      .ok();
}

void JobRun::on_signal(int signal) {
  if (signal == SIGHUP) {
    if (signal_ == 0) signal_ = signal;
    output_->note("drover: SIGHUP: what runs may finish, nothing more is started\n");
    engine_->stop(StopKind::Soon);
    return;
  }
  const bool again = signal_ == SIGINT || signal_ == SIGTERM;
  signal_ = signal;
  if (plan_.over() || again) output_->abandon();
  if (plan_.over()) return;
  if (again) {
    output_->note("drover: killing what still runs\n");
    engine_->kill_all();
    return;
  }
  if (const unsigned running = engine_->running(); running != 0)
    output_->note(fmt::format("drover: {}: ending {} running task{}; again kills at once\n",
                              signal_name(signal), running, running == 1 ? "" : "s"));
  engine_->stop(StopKind::Now, options_.grace);
}

void JobRun::nudge() {
  const std::uint64_t one = 1;
  (void)!::write(nudge_.get(), &one, sizeof one);
}

void JobRun::on_nudge() {
  std::uint64_t count = 0;
  (void)!::read(nudge_.get(), &count, sizeof count);
  if (const TaskId head = head_.exchange(0); head != 0) engine_->go_live(head);
  if (output_broken_.load() && !std::exchange(output_given_up_, true))
    engine_->stop(StopKind::Now, Duration(0));
}

// --- views

Counts JobRun::shown_counts() const {
  const PlanCounts counts = plan_.counts();
  return {.total = counts.total,
          .total_known = !source_ || !plan_.input_wanted(UINT64_MAX),
          .succeeded = counts.succeeded,
          .failed = counts.failed,
          .cancelled = counts.cancelled,
          .skipped = counts.skipped,
          .running = engine_->running(),
          .ready = counts.ready};
}

void JobRun::update_progress() {
  progress_->changed(shown_counts(), newest_, now());
}

// A bar also shows how far tasks say that they are, which nobody announces: it looks once a second while some
// run.
std::optional<Instant> JobRun::next_wake() {
  if (!progress_) return std::nullopt;
  std::optional<Instant> wake = progress_->next_wake();
  if (!wake && progress_->style() == ProgressStyle::Bar && engine_->running() != 0)
    wake = last_look_ + kLookEvery;
  return wake;
}

void JobRun::tick(Instant at) {
  if (progress_->style() == ProgressStyle::Bar && at - last_look_ >= kLookEvery) {
    last_look_ = at;
    std::string newest = newest_;
    if (const auto inside = engine_->progress(); !inside.empty()) {
      const auto& [task, done] = inside.back();
      newest = fmt::format("{} {}/{} {}", spec(task).shown_name(task), done.done, done.total, done.text);
    }
    progress_->changed(shown_counts(), newest, at);
  }
  progress_->tick(at);
}

}  // namespace drover
