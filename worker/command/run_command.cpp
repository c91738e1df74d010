#include "worker/command/run_command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "common/own_children.hpp"
#include "worker/command/command_outcome.hpp"
#include "worker/command/leftovers.hpp"
#include "worker/command/output_sink.hpp"
#include "worker/command/progress_lines.hpp"
#include "worker/command/spool_file.hpp"
#include "worker/command/start_child.hpp"
#include "worker/command/stdin_source.hpp"
#include "worker/command/stop_ladder.hpp"

namespace drover {
namespace {

void on_file_too_large(int) {}

void note_loss(Outcome& outcome, const char* name, const OutputSink& sink) {
  if (sink.lost() == 0) return;
  add_note(outcome, "lost " + std::to_string(sink.lost()) + " bytes of " + name + ": " + sink.loss().text());
}

bool has_ended(int pidfd) {
  pollfd asked{.fd = pidfd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

// The progress pipe of the last command, when nobody but us can hold it: one pipe less to make for the next.
std::optional<Pipe> kept_progress;

Result<Pipe> progress_pipe() {
  if (!kept_progress) return Pipe::make();
  Pipe pipe = std::move(*kept_progress);
  kept_progress.reset();
  return pipe;
}

void keep_progress(Pipe pipe) {
  // The last command may have made its end non-blocking.
  if (pipe.waiting() == 0 && ::fcntl(pipe.theirs.get(), F_SETFL, 0) == 0) kept_progress = std::move(pipe);
}

// One command, from the moment when its process runs.
class RunningCommand {
 public:
  RunningCommand(const Command& command, CommandControl& control, StartedChild child, Pipe out, Pipe err,
                 Pipe progress)
      : command_(command),
        control_(control),
        leader_(child.pid),
        watched_(std::move(child.pidfd)),
        out_(std::move(out)),
        err_(std::move(err)),
        progress_(std::move(progress)),
        start_ns_(now_ns()),
        ladder_(child.pid, timeout_at(), command.grace) {}

  CommandResult finish();

 private:
  [[nodiscard]] std::uint64_t timeout_at() const {
    if (command_.timeout <= Duration::zero()) return StopLadder::kNever;
    return start_ns_ + static_cast<std::uint64_t>(command_.timeout.count());
  }
  // False: the command has ended, or was given up.
  bool wait_for_something();
  bool go_on_after_death();
  bool watch_survivor();
  void take_requests();
  void take_output(bool from_out, bool from_err);
  std::size_t take_progress();
  void go_live();
  void take_the_rest(bool something_waits);
  [[nodiscard]] Outcome outcome(const Leftovers& left) const;

  const Command& command_;
  CommandControl& control_;
  pid_t leader_;
  UniqueFd watched_;  // the leader's pidfd, then that of a survivor of its group
  OutputSink out_, err_;
  Pipe progress_;
  ProgressLines progress_lines_;
  std::uint64_t start_ns_;
  std::uint64_t end_ns_ = 0;  // 0: the leader runs
  StopLadder ladder_;
  bool live_ = false;
  bool output_waits_ = false;  // at the last look, which came after the leader's end
};

CommandResult RunningCommand::finish() {
  if (command_.live_output) go_live();
  while (wait_for_something()) {
  }
  if (end_ns_ == 0) end_ns_ = now_ns();
  const Leftovers left =
      end_leftovers(leader_, ladder_.has_killed() ? GroupWas::Killed : GroupWas::Running, kGiveUpAfter);
  take_the_rest(output_waits_ || !left.leader_was_alone);

  if (left.leader_was_alone) keep_progress(std::move(progress_));

  CommandResult result;
  result.outcome = outcome(left);
  result.out = out_.take_captured();
  result.err = err_.take_captured();
  return result;
}

bool RunningCommand::wait_for_something() {
  // The process first: poll looks in this order, so whatever the command printed is seen when its end is.
  pollfd asked[] = {{.fd = watched_.get(), .events = POLLIN, .revents = 0},
                    {.fd = out_.pipe().ours.get(), .events = POLLIN, .revents = 0},
                    {.fd = err_.pipe().ours.get(), .events = POLLIN, .revents = 0},
                    {.fd = progress_.ours.get(), .events = POLLIN, .revents = 0},
                    {.fd = control_.fd(), .events = POLLIN, .revents = 0}};
  const auto& [process, out, err, progress, control] = asked;
  timespec left{};
  if (ladder_.next_at() != StopLadder::kNever) {
    const std::uint64_t now = now_ns();
    const std::uint64_t wait = ladder_.next_at() > now ? ladder_.next_at() - now : 0;
    left.tv_sec = static_cast<time_t>(wait / 1'000'000'000);
    left.tv_nsec = static_cast<long>(wait % 1'000'000'000);
  }
  const int ready =
      ::ppoll(asked, std::size(asked), ladder_.next_at() == StopLadder::kNever ? nullptr : &left, nullptr);
  if (ready < 0) {
    DROVER_CHECK(errno == EINTR || errno == ENOMEM);
    return true;
  }
  output_waits_ = (out.revents | err.revents | progress.revents) != 0;
  // Its end comes before its deadline: one that has made it while we were slow was in time.
  if (process.revents != 0 && !go_on_after_death()) return false;
  take_output(out.revents != 0, err.revents != 0);
  if (progress.revents != 0) take_progress();
  if (control.revents != 0) take_requests();
  if (ladder_.next_at() != StopLadder::kNever) ladder_.on_time(now_ns());
  return !ladder_.has_given_up();
}

bool RunningCommand::go_on_after_death() {
  if (end_ns_ == 0) end_ns_ = now_ns();
  // A shell dies of SIGTERM at once: the grace is for those that it was running.
  return ladder_.reason() != StopReason::None && !ladder_.has_killed() && watch_survivor();
}

bool RunningCommand::watch_survivor() {
  for (const pid_t pid : own_children()) {
    if (pid == leader_ || ::getpgid(pid) != leader_) continue;
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd || has_ended(pidfd.get())) continue;
    watched_ = std::move(pidfd);
    return true;
  }
  return false;
}

void RunningCommand::take_requests() {
  const Requests requests = control_.take_requests();
  if (requests.go_live) go_live();
  if (requests.kill_now)
    ladder_.kill(StopReason::Request, now_ns());
  else if (requests.stop)
    ladder_.terminate(StopReason::Request, requests.grace.value_or(command_.grace), now_ns());
}

void RunningCommand::take_output(bool from_out, bool from_err) {
  const bool out_grew = from_out && out_.take();
  const std::uint64_t err_before = err_.size();
  const bool err_grew = from_err && err_.take();
  if (err_.size() != err_before)
    control_.on_stderr(err_.last(std::min<std::uint64_t>(err_.size() - err_before, kLastOfStderr)));
  if (live_ && (out_grew || err_grew)) control_.on_output(out_.size(), err_.size());
}

std::size_t RunningCommand::take_progress() {
  char bytes[4096];
  const ssize_t got = ::read(progress_.ours.get(), bytes, sizeof bytes);
  if (got <= 0) return 0;
  if (const auto last = progress_lines_.feed({bytes, static_cast<std::size_t>(got)}))
    control_.on_progress(last->done, last->total, last->text);
  return static_cast<std::size_t>(got);
}

void RunningCommand::go_live() {
  if (live_) return;
  for (OutputSink* sink : {&out_, &err_}) {
    if (sink->spool() >= 0) continue;
    auto file = make_spool_file();
    if (!file) return;  // what is lost by it, the sink will find out and tell
    sink->spool_to(std::move(*file));
  }
  live_ = true;
  control_.on_live(out_.spool(), err_.spool());
  if (out_.size() + err_.size() > 0) control_.on_output(out_.size(), err_.size());
}

void RunningCommand::take_the_rest(bool something_waits) {
  if (something_waits) {
    const std::uint64_t before = out_.size() + err_.size();
    out_.take_rest();
    err_.take_rest();
    for (std::size_t rest = progress_.waiting(); rest > 0;) {
      const std::size_t got = take_progress();
      rest = got == 0 ? 0 : rest - std::min(rest, got);
    }
    if (live_ && out_.size() + err_.size() != before) control_.on_output(out_.size(), err_.size());
  }
  if (const auto last = progress_lines_.finish()) control_.on_progress(last->done, last->total, last->text);
}

Outcome RunningCommand::outcome(const Leftovers& left) const {
  if (const Refusal late = late_refusal(); late.step != StartStep::None) {
    const ChildImage image(command_, environ);
    return could_not_start(command_, image, late);
  }
  // Who was given up has no status; SIGKILL was the last that it got.
  Outcome outcome = outcome_of(left.leader_status.value_or(SIGKILL), ladder_.reason());
  outcome.start_ns = start_ns_;
  outcome.wall_ns = end_ns_ - start_ns_;
  outcome.usage = left.usage;
  outcome.left_behind = left.left_behind;
  outcome.unkillable = left.unkillable;
  if (left.unkillable > 0) add_note(outcome, "could not be killed: " + left.unkillable_names);
  note_loss(outcome, "stdout", out_);
  note_loss(outcome, "stderr", err_);
  return outcome;
}

}  // namespace

Status become_reaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return last_error("prctl", "PR_SET_CHILD_SUBREAPER");
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  if (::sigaction(SIGCHLD, &action, nullptr) != 0) return last_error("sigaction", "SIGCHLD");
  // Caught, not ignored: what is caught is default again in a command, and what is ignored stays so.
  struct sigaction before = {};
  ::sigaction(SIGXFSZ, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return Nothing{};
  action.sa_handler = on_file_too_large;
  if (::sigaction(SIGXFSZ, &action, nullptr) != 0) return last_error("sigaction", "SIGXFSZ");
  return Nothing{};
}

CommandResult run_command(const Command& command, CommandControl& control) {
  CommandResult refused;
  auto in = StdinSource::open(command);
  auto out = Pipe::make(), err = Pipe::make(), progress = progress_pipe();
  if (!in) {
    refused.outcome = could_not_start(in.error().text());
    return refused;
  }
  for (const auto* pipe : {&out, &err, &progress}) {
    if (pipe->ok()) continue;
    refused.outcome = could_not_start(pipe->error().text());
    return refused;
  }
  ChildImage image(command, environ);
  StartedChild child = start_child(image, command.cwd,
                                   {.in = in->fd(),
                                    .out = out->theirs.get(),
                                    .err = err->theirs.get(),
                                    .progress = progress->theirs.get()});
  if (child.refusal.step != StartStep::None) {
    refused.outcome = could_not_start(command, image, child.refusal);
    return refused;
  }
  return RunningCommand(command, control, std::move(child), std::move(*out), std::move(*err),
                        std::move(*progress))
      .finish();
}

}  // namespace drover
