// Workers and their keeper: started, watched, accounted for, replaced.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/check.hpp"
#include "common/own_children.hpp"
#include "runner/pool/engine.hpp"

namespace drover {
namespace {

constexpr std::size_t kLastWords = 4096;

// Where a function worker prints to until it hands that in: a file that nobody else finds.
Result<UniqueFd> make_log() {
  const char* wanted = ::getenv("TMPDIR");
  for (const char* folder : {wanted != nullptr ? wanted : "/tmp", "/tmp", "/var/tmp"}) {
    UniqueFd fd(::open(folder, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
    if (fd) return fd;
  }
  // A file system without O_TMPFILE: memory, then.
  UniqueFd fd(::memfd_create("drover-log", MFD_CLOEXEC));
  if (!fd) return last_error("make a file for the output of a worker", wanted != nullptr ? wanted : "/tmp");
  (void)::fcntl(fd.get(), F_SETFL, O_APPEND);
  return fd;
}

void read_log(const UniqueFd& log, CapturedStream& stream) {
  struct stat info {};
  if (!log || ::fstat(log.get(), &info) != 0 || info.st_size <= 0) return;
  const auto size = std::min(static_cast<std::size_t>(info.st_size), kCapturedInMemory);
  stream.head.resize(size);
  const ssize_t got = ::pread(log.get(), stream.head.data(), size, info.st_size - static_cast<off_t>(size));
  stream.head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  stream.size = stream.head.size();
}

}  // namespace

Status Engine::start_keeper() {
  const bool own_image = options_.image_fd >= 0;
  auto keeper = KeeperClient::start({.keeper_program = options_.worker_program,
                                     .keeper_flag = own_image ? "--drover-keeper" : "--keeper",
                                     .worker_program = options_.worker_program,
                                     .image_fd = options_.image_fd,
                                     .keeper_from_image = own_image,
                                     .mask = options_.mask,
                                     .ignored = options_.ignored});
  if (!keeper) return keeper.error();
  keeper_ = std::move(keeper.value());
  auto watched = poller_.watch(keeper_->fd(), Poller::Trigger::Level, [this] { on_keeper(); });
  if (!watched) return watched;
  return poller_.watch(keeper_->pidfd(), Poller::Trigger::Level, [this] { on_keeper_death(); });
}

Seat* Engine::find(WorkerId id) {
  const auto at =
      std::find_if(seats_.begin(), seats_.end(), [&](const auto& seat) { return seat->id == id; });
  return at == seats_.end() ? nullptr : at->get();
}

// The machine has no room for another worker: goes on with those that there are, if there are any. One place
// less, so that descriptors are left for what the others hand in.
bool Engine::settle_for_fewer(const Error& error) {
  const bool exhausted = error.code == EMFILE || error.code == ENFILE || error.code == ENOMEM ||
                         error.code == EAGAIN || error.code == ENOSPC || error.code == ETOOMANYREFS;
  if (!exhausted || seats_.size() < 2) return false;
  if (most_seats_ == SIZE_MAX)
    host_.on_notice("no more than " + std::to_string(seats_.size()) + " workers: " + error.text() +
                    (error.code == EMFILE ? "; raise `ulimit -n` for more" : ""));
  most_seats_ = seats_.size();
  return true;
}

std::vector<std::string> Engine::worker_args(TaskKind kind) const {
  std::vector<std::string> args{options_.worker_program,
                                options_.image_fd >= 0 ? "--drover-worker" : "--worker",
                                kind == TaskKind::Command ? "command" : "function"};
  if (kind == TaskKind::Command) return args;
  args.insert(args.end(), options_.function_worker_args.begin(), options_.function_worker_args.end());
  for (const std::string& plugin : options_.plugins) {
    args.push_back("--plugin");
    args.push_back(plugin);
  }
  return args;
}

Seat* Engine::start_worker(TaskKind kind) {
  if (seats_.size() >= most_seats_) return nullptr;
  const auto refused = [&](const Error& error) -> Seat* {
    if (!settle_for_fewer(error)) count_idle_death(limit_of(kind), error.text());
    return nullptr;
  };
  const WorkerId id = ++last_worker_;
  auto lane = CoordinatorLane::create(id, kind, kind == TaskKind::Command ? kCommandLane : kFunctionLane);
  if (!lane) return refused(lane.error());
  auto seat = std::make_unique<Seat>(id, kind, std::move(lane.value()));
  seat->bell = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  int pair[2];
  if (!seat->bell || ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return refused(last_error("make a worker's socket"));
  seat->socket = UniqueFd(pair[0]);
  const UniqueFd theirs(pair[1]);
  std::vector<LaunchOptions::Pass> pass{
      {seat->lane.down_fd(), 3}, {seat->lane.up_fd(), 4}, {seat->bell.get(), 5}, {theirs.get(), 6}};
  seat->set_ups_before = static_cast<std::uint32_t>(set_ups_.size());
  if (kind == TaskKind::Function) {
    auto out = make_log();
    auto err = make_log();
    if (!out || !err) return refused(!out ? out.error() : err.error());
    seat->out_log = std::move(out.value());
    seat->err_log = std::move(err.value());
    pass.push_back({seat->out_log.get(), 1});
    pass.push_back({seat->err_log.get(), 2});
  }
  if (auto asked = keeper_->start_worker(id, pass, worker_args(kind)); !asked) return refused(asked.error());
  seat->lane.close_fds();
  Seat* raw = seat.get();
  // Edge-triggered and never read: a worker can do nothing to its bell that would block us.
  auto bell = poller_.watch(raw->bell.get(), Poller::Trigger::Edge, [] {});
  auto socket = poller_.watch(raw->socket.get(), Poller::Trigger::Edge, [this, id] {
    if (Seat* from = find(id)) on_socket(*from);
  });
  seats_.push_back(std::move(seat));
  if (!bell || !socket) {
    raw->state = Seat::State::Doomed;
    return refused(!bell ? bell.error() : socket.error());
  }
  set_spins();
  return raw;
}

void Engine::on_keeper() {
  while (auto event = keeper_->next_event()) {
    if (auto* started = std::get_if<WorkerStarted>(&*event)) {
      on_started(started->id, started->pid, std::move(started->pidfd));
    } else if (auto* refused = std::get_if<WorkerStartFailed>(&*event)) {
      on_start_failed(refused->id, refused->text);
    } else if (auto* exited = std::get_if<WorkerExited>(&*event)) {
      on_exited(exited->id, exited->status, exited->usage, exited->unkillable, exited->unkillable_names);
    }
  }
}

void Engine::on_started(WorkerId id, pid_t pid, UniqueFd pidfd) {
  Seat* seat = find(id);
  if (seat == nullptr) return;
  seat->pid = pid;
  seat->pidfd = std::move(pidfd);
  if (seat->state == Seat::State::Doomed) kill(*seat);
  // Without a pidfd (no descriptors left) the keeper's report is the first that we hear of its death.
  if (!seat->pidfd) return;
  (void)poller_
      .watch(seat->pidfd.get(), Poller::Trigger::Level,
             [this, id] {
               if (Seat* dead = find(id)) on_death(*dead);
             })
      .ok();
}

void Engine::on_start_failed(WorkerId id, const std::string& text) {
  Seat* seat = find(id);
  if (seat == nullptr) return;
  count_idle_death(limit_of(seat->kind), text);
  seat->state = Seat::State::Dead;
  // Whatever was put into its lane was never begun.
  give_back(*seat, seat->lane.remains().not_begun);
  remove(*seat);
}

// Its process has ended: what it published counts, what it had not begun goes elsewhere at once. What it had
// in hand waits for the keeper, who first buries all that it left: another attempt must not meet the first
// one's remains.
void Engine::on_death(Seat& seat) {
  if (seat.state == Seat::State::Dead) return;
  if (seat.pidfd) poller_.forget(seat.pidfd.get());
  if (!seat.idle()) {
    hear(seat);
    (void)drain(seat);
  }
  const bool greeted = greeting(seat) == CoordinatorLane::Greeting::Welcome;
  const bool killed_by_us = seat.state == Seat::State::Doomed;
  seat.state = Seat::State::Dead;
  seat.deadline.reset();
  CoordinatorLane::Remains remains = seat.lane.remains();
  // Who damaged this lane is certain only if one task alone was ever given to it. Else nobody is charged, and
  // each is tried again apart from all others.
  if ((seat.lied || !remains.honest) && !seat.holds_suspect) {
    if (remains.in_hand) {
      remains.not_begun.push_back({remains.in_hand->task, 1, remains.in_hand->attempt});
      remains.in_hand.reset();
    }
    for (const LaneRun& run : remains.not_begun)
      for (TaskId task = run.first; task < run.first + run.count && run.first < kFirstSetUp; ++task)
        suspects_.insert(task);
  }
  seat.lost = remains.in_hand;
  if (seat.lost) {
    if (auto progress = seat.lane.progress(); progress && progress->hand == seat.lost->hand)
      seat.lost_progress = std::move(progress);
  }
  const bool in_set_up = seat.lost && seat.lost->task >= kFirstSetUp;
  if (in_set_up) seat.refused = "it died in a function that each worker runs first";
  if (in_set_up && (killed_by_us || seat.ending))
    seat.idle_death = false;  // it was stopped
  else
    seat.idle_death = !seat.refused.empty() || (!killed_by_us && (!seat.lost || !greeted));
  give_back(seat, remains.not_begun);
  // Its slot is kept until the burial, when something was in hand: that task is still one of those at once.
  if (!seat.lost) vacate(seat);
}

void Engine::on_exited(WorkerId id, int status, const Usage& usage, unsigned unkillable,
                       const std::string& names) {
  Seat* seat = find(id);
  if (seat == nullptr) return;
  on_death(*seat);  // the report may come before the pidfd was looked at
  account(*seat, status, usage, unkillable, names);
}

void Engine::account(Seat& seat, int status, const Usage& usage, unsigned unkillable,
                     const std::string& names) {
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  const bool out_of_memory =
      signal == SIGKILL && !seat.ending && !seat.lied && oom_watch_.killed_since_last_look();
  if (seat.lost) {
    Report report;
    Outcome& outcome = report.outcome;
    outcome.kind = seat.ending     ? seat.ending->kind
                   : out_of_memory ? OutcomeKind::OutOfMemory
                                   : OutcomeKind::WorkerLost;
    outcome.signal = signal;
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    outcome.core_dumped = WIFSIGNALED(status) && WCOREDUMP(status);
    outcome.unkillable = unkillable;
    outcome.usage = usage;
    outcome.start_ns = seat.lane.started_ns();
    const std::uint64_t at = now_ns();
    outcome.wall_ns = outcome.start_ns != 0 && outcome.start_ns < at ? at - outcome.start_ns : 0;
    if (out_of_memory) ++workers_lost_;  // of a command that was killed for memory the worker lives on
    if (seat.lied) outcome.message = "its worker's lane held what cannot be true";
    if (seat.ending && !seat.ending->message.empty()) outcome.message = seat.ending->message;
    if (seat.lost_progress) {
      const LaneProgress& last = *seat.lost_progress;
      report.progress_done = last.done;
      report.progress_total = last.total;
      report.progress_text = last.text;
      outcome.message += (outcome.message.empty() ? "" : "; ") +
                         ("last progress " + std::to_string(last.done)) + "/" + std::to_string(last.total) +
                         (last.text.empty() ? "" : " ") + last.text;
    }
    if (usage.max_rss_kib != 0 && outcome.kind != OutcomeKind::TimedOut &&
        outcome.kind != OutcomeKind::Cancelled)
      outcome.message += (outcome.message.empty() ? "" : "; ") +
                         ("peak memory " + std::to_string((usage.max_rss_kib + 512) / 1024) + " MiB");
    if (!names.empty())
      outcome.message += (outcome.message.empty() ? "" : "; ") + ("could not be killed: " + names);
    read_log(seat.out_log, report.out);
    read_log(seat.err_log, report.err);
    if (seat.kind == TaskKind::Command) {
      report.err.head = seat.lane.stderr_tail(seat.lost->hand);
      report.err.size = report.err.head.size();
    }
    if (seat.live) {
      seat.live = false;
      report.err = {};
      report.out = {};
    }
    const auto lost = *seat.lost;
    seat.lost.reset();
    vacate(seat);
    if (lost.task >= kFirstSetUp)
      host_.on_set_up(static_cast<std::uint32_t>(lost.task - kFirstSetUp), report);
    else
      finish_attempt(lost.task, lost.attempt, report);
  } else if (unkillable != 0) {
    host_.on_notice("worker " + std::to_string(seat.id) +
                    " left processes that could not be killed: " + names);
  }
  if (seat.idle_death) {
    CapturedStream words;
    read_log(seat.err_log, words);
    std::string what = signal != 0 ? signal_name(signal)
                                   : "exit " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    if (!words.head.empty())
      what += ": " + words.head.substr(words.head.size() - std::min(words.head.size(), kLastWords));
    while (!what.empty() && what.back() == '\n') what.pop_back();
    if (!seat.refused.empty()) what = seat.refused;
    host_.on_notice("a worker without a task in hand died (" + what + "); it is replaced");
    count_idle_death(limit_of(seat.kind), what);
  }
  remove(seat);
}

RestartLimit& Engine::limit_of(TaskKind kind) {
  return kind == TaskKind::Command ? command_limit_ : function_limit_;
}

void Engine::count_idle_death(RestartLimit& limit, const std::string& what) {
  if (!limit.on_death(now()))
    failure_ = Error{"workers keep dying before they do anything:",
                     what + "; see whether " + options_.worker_program + " runs at all", 0};
}

void Engine::on_liar(Seat& seat) {
  seat.lied = true;
  if (seat.gone()) return;
  host_.on_notice("worker " + std::to_string(seat.id) +
                  " wrote into its lane what cannot be true; it is replaced");
  seat.state = Seat::State::Doomed;
  seat.deadline.reset();
  if (seat.pidfd) kill(seat);
}

void Engine::kill(Seat& seat) {
  seat.state = Seat::State::Doomed;
  seat.deadline.reset();
  if (seat.pidfd) {
    ::syscall(SYS_pidfd_send_signal, seat.pidfd.get(), SIGKILL, nullptr, 0);
  } else if (seat.pid != 0) {
    ::kill(seat.pid, SIGKILL);  // the keeper has not reaped it: it would have said so
  }
}

void Engine::remove(Seat& seat) {
  if (seat.pidfd) poller_.forget(seat.pidfd.get());
  poller_.forget(seat.bell.get());
  poller_.forget(seat.socket.get());
  vacate(seat);
  for (std::uint32_t owed = seat.set_ups_done; seat.kind == TaskKind::Function && owed < set_ups_.size();
       ++owed)
    settle_set_up(seat, owed);
  std::erase_if(seats_, [&](const auto& each) { return each.get() == &seat; });
}

// Workers die with their keeper. Nobody reports their ends any more, so they are accounted for as killed;
// what they had started is buried by us if we may, by init otherwise.
void Engine::on_keeper_death() {
  on_keeper();
  poller_.forget(keeper_->fd());
  poller_.forget(keeper_->pidfd());
  for (const auto& seat : seats_)
    if (seat->state != Seat::State::Dead) kill(*seat);
  wait_for_workers();  // what they publish before they die counts
  if (options_.reap_orphans) reap_orphans();
  keeper_.reset();
  while (!seats_.empty()) {
    Seat& seat = *seats_.back();
    on_death(seat);
    seat.idle_death = false;
    account(seat, SIGKILL, {}, 0, {});
  }
  host_.on_notice("the keeper died; all workers are replaced");
  count_idle_death(keeper_limit_, "the keeper was killed");
  if (failure_) return;
  if (auto started = start_keeper(); !started) failure_ = started.error();
}

// Until they have died with their keeper, or for 5 s.
void Engine::wait_for_workers() const {
  const Instant until = now() + std::chrono::seconds(5);
  for (const auto& seat : seats_) {
    if (seat->state == Seat::State::Dead) continue;
    // Of one that the keeper did not come to tell of nothing is known; its socket hangs up when it ends.
    pollfd dead{seat->pidfd ? seat->pidfd.get() : seat->socket.get(), POLLIN, 0};
    if (!seat->pidfd) dead.events = 0;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
    ::poll(&dead, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
  }
}

// Kills and reaps every child of this process that remains, again until none is left; what does not die is
// left after 5 s.
void Engine::reap_orphans() {
  const Instant until = now() + std::chrono::seconds(5);
  for (;;) {
    // With no keeper left all children are orphans of dead workers, or the keeper itself, which its client
    // reaps.
    bool alive = false;
    for (const pid_t child : own_children()) {
      if (child == keeper_->pid()) continue;
      alive = true;
      ::kill(child, SIGKILL);
      const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
      siginfo_t info{};
      if (pidfd) {
        Poller waiter = std::move(Poller::create()).value();
        (void)waiter.watch(pidfd.get(), Poller::Trigger::Level, [] {}).ok();
        waiter.wait(until);
      }
      (void)::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG);
    }
    if (!alive || now() >= until) return;
  }
}

}  // namespace drover
