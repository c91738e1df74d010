#include "worker/keeper.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <unordered_map>

#include "common/launch.hpp"
#include "common/own_children.hpp"
#include "worker/burial.hpp"

namespace drover {
namespace {

std::uint64_t to_ns(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_usec) * 1'000U;
}

Usage to_usage(const rusage& used) {
  const auto count = [](long number) { return static_cast<std::uint64_t>(number); };
  return {to_ns(used.ru_utime),  to_ns(used.ru_stime), count(used.ru_maxrss), count(used.ru_minflt),
          count(used.ru_majflt), count(used.ru_nvcsw), count(used.ru_nivcsw)};
}

// The strings of a request; empty: it lies about them.
std::vector<std::string> read_args(const StartWorkerMessage& request) {
  std::vector<std::string> args;
  if (request.arg_bytes > sizeof request.args || request.arg_count > request.arg_bytes) return {};
  std::string_view rest(request.args, request.arg_bytes);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return {};
    args.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (args.size() != request.arg_count) return {};
  return args;
}

timespec to_timespec(Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {static_cast<time_t>(whole.count()), static_cast<long>((duration - whole).count())};
}

class Keeper {
 public:
  explicit Keeper(const KeeperOptions& options) : options_(options), burial_(options.give_up_after) {}

  // The order matters: what workers are to get is read before anything is changed.
  Status begin();
  // Returns when the coordinator is gone.
  void serve();
  // True: nothing is left.
  bool end_everything();

 private:
  struct Report {
    std::vector<std::byte> bytes;
    UniqueFd pidfd;
  };

  void reap();
  void bury();
  void on_child_signal();
  void on_request();
  void start_worker(const StartWorkerMessage& request, std::vector<UniqueFd> fds);
  void refuse(WorkerId id, int code, const std::string& text);
  template <class Message>
  void report(const Message& message, UniqueFd pidfd = {});
  void send_reports();
  // False: the time is over.
  bool wait_for(std::span<pollfd> wanted, std::optional<Instant> until) const;

  const KeeperOptions& options_;
  sigset_t worker_mask_{};
  sigset_t worker_ignored_{};
  UniqueFd child_signal_;
  std::unordered_map<pid_t, WorkerId> workers_;  // not yet reaped
  Burial burial_;
  std::deque<Report> reports_;  // that the socket did not take yet
  bool coordinator_gone_ = false;
};

Status Keeper::begin() {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &worker_mask_);
  ::sigemptyset(&worker_ignored_);
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction found;
    if (::sigaction(number, nullptr, &found) == 0 && found.sa_handler == SIG_IGN)
      ::sigaddset(&worker_ignored_, number);
  }
  // Whoever ignores SIGCHLD cannot wait for his children: that is not passed on.
  ::sigdelset(&worker_ignored_, SIGCHLD);
  ::signal(SIGCHLD, SIG_DFL);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);

  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::pthread_sigmask(SIG_SETMASK, &child, nullptr);
  child_signal_ = UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signal_) return last_error("signalfd");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return last_error("prctl", "PR_SET_CHILD_SUBREAPER");
  return Nothing{};
}

void Keeper::serve() {
  while (!coordinator_gone_) {
    // No request is taken while reports wait: a coordinator that does not read cannot make the keeper grow.
    const short control = reports_.empty() ? POLLIN : POLLOUT;
    pollfd wanted[] = {{child_signal_.get(), POLLIN, 0},
                       {options_.control_fd, control, 0},
                       {options_.coordinator_pidfd, POLLIN, 0}};
    wait_for(wanted, burial_.deadline());
    if (wanted[2].revents != 0 || (wanted[1].revents & ~(POLLIN | POLLOUT)) != 0) return;
    if (wanted[0].revents != 0) on_child_signal();
    bury();
    if ((wanted[1].revents & POLLIN) != 0) on_request();
    send_reports();
  }
}

bool Keeper::end_everything() {
  for (const auto& [pid, id] : workers_) ::kill(pid, SIGKILL);
  workers_.clear();
  const Instant deadline = now() + options_.give_up_after;
  for (;;) {
    on_child_signal();
    int status = 0;
    if (::waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD) return true;
    // Each round: what a child leaves behind becomes ours only when it ends.
    const std::vector<pid_t> left = own_children();
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    pollfd ended{child_signal_.get(), POLLIN, 0};
    if (wait_for({&ended, 1}, deadline)) continue;
    for (const pid_t pid : left)
      std::fprintf(stderr, "drover: process %s could not be killed\n", process_label(pid).c_str());
    return false;
  }
}

bool Keeper::wait_for(std::span<pollfd> wanted, std::optional<Instant> until) const {
  for (;;) {
    timespec left{};
    if (until) left = to_timespec(std::max(Duration(0), *until - now()));
    const int ready = ::ppoll(wanted.data(), wanted.size(), until ? &left : nullptr, nullptr);
    if (ready >= 0) return ready > 0;
    DROVER_CHECK(errno == EINTR || errno == ENOMEM);
  }
}

void Keeper::on_child_signal() {
  signalfd_siginfo ended[8];
  while (::read(child_signal_.get(), ended, sizeof ended) > 0) {
  }
  reap();
}

void Keeper::reap() {
  int status = 0;
  rusage used{};
  pid_t pid = 0;
  while ((pid = ::wait4(-1, &status, WNOHANG, &used)) > 0) {
    const auto worker = workers_.find(pid);
    if (worker == workers_.end()) {
      burial_.on_reaped(pid);
      continue;
    }
    burial_.on_worker_died({worker->second, status, to_usage(used)}, now());
    workers_.erase(worker);
  }
}

// A worker's children became ours before we could reap it, and those of a stray before we could reap that: so
// once the list holds live workers only, nothing of the dead is left.
void Keeper::bury() {
  if (!burial_.is_open()) return;
  std::vector<pid_t> strays = own_children();
  std::erase_if(strays, [&](pid_t pid) { return workers_.contains(pid); });
  for (const BuriedWorker& buried : burial_.settle(strays, now())) {
    ExitedMessage message;
    message.id = buried.worker.id;
    message.status = buried.worker.status;
    message.usage = buried.worker.usage;
    message.unkillable = buried.unkillable;
    write_text(message.unkillable_names, buried.unkillable_names);
    report(message);
  }
}

void Keeper::on_request() {
  StartWorkerMessage request;
  std::byte buffer[sizeof request];
  auto received = receive_packet(options_.control_fd, buffer);
  if (!received.ok()) return refuse(0, received.error().code, received.error().text());
  if (received->kind == Packet::Kind::Closed) coordinator_gone_ = true;
  if (received->kind != Packet::Kind::Message) return;
  if (received->cut || !read_message({buffer, received->size}, request))
    return refuse(0, EPROTO,
                  "no request that this keeper knows; are drover and drover-worker of one version?");
  if (received->fds_lost)
    return refuse(request.id, EMFILE, "descriptors of the request were lost: too many are open");
  start_worker(request, std::move(received->fds));
}

void Keeper::start_worker(const StartWorkerMessage& request, std::vector<UniqueFd> fds) {
  const bool in_use = std::any_of(workers_.begin(), workers_.end(),
                                  [&](const auto& each) { return each.second == request.id; });
  if (request.id == 0 || in_use) return refuse(request.id, EEXIST, "worker number 0, or one in use");
  if (request.fd_count != fds.size() || request.fd_count > kMaxPacketFds)
    return refuse(request.id, EPROTO, "the request names other descriptors than came with it");
  LaunchOptions options;
  options.args = read_args(request);
  if (options.args.empty()) return refuse(request.id, EPROTO, "the request's arguments are broken");
  options.program = options_.worker_program;
  for (std::size_t i = 0; i < fds.size(); ++i) options.pass.push_back({fds[i].get(), request.targets[i]});
  options.subreaper = true;
  options.death_signal = SIGKILL;
  options.mask = worker_mask_;
  options.ignored = worker_ignored_;

  auto launched = launch(options);
  if (!launched.ok()) return refuse(request.id, launched.error().code, launched.error().text());
  workers_.emplace(launched->pid, request.id);
  StartedMessage message;
  message.id = request.id;
  message.pid = launched->pid;
  report(message, std::move(launched->pidfd));
}

void Keeper::refuse(WorkerId id, int code, const std::string& text) {
  StartFailedMessage message;
  message.id = id;
  message.code = code;
  write_text(message.text, text);
  report(message);
}

template <class Message>
void Keeper::report(const Message& message, UniqueFd pidfd) {
  const auto bytes = bytes_of(message);
  reports_.push_back({{bytes.begin(), bytes.end()}, std::move(pidfd)});
}

void Keeper::send_reports() {
  while (!reports_.empty()) {
    Report& next = reports_.front();
    const int fd = next.pidfd.get();
    const auto sent = send_packet(options_.control_fd, next.bytes, std::span(&fd, next.pidfd ? 1 : 0));
    if (!sent.ok() && sent.error().code == EAGAIN) return;
    if (!sent.ok() && sent.error().code == ETOOMANYREFS && next.pidfd) {
      next.pidfd.reset();  // a convenience: the pid is in the message, the exit will be told
      continue;
    }
    if (!sent.ok()) {  // no use in a worker whose fate cannot be told
      coordinator_gone_ = true;
      return;
    }
    reports_.pop_front();
  }
}

}  // namespace

int run_keeper(const KeeperOptions& options) {
  Keeper keeper(options);
  const Status begun = keeper.begin();
  if (!begun.ok()) {
    std::fprintf(stderr, "drover: the keeper cannot begin: %s\n", begun.error().text().c_str());
    return 1;
  }
  keeper.serve();
  return keeper.end_everything() ? 0 : 1;
}

}  // namespace drover
