#include "runner/pool/keeper_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <unordered_map>
#include <vector>

#include "common/keeper_protocol.hpp"

namespace drover {
namespace {

// glibc 2.36 declares these in a header of its own that older ones lack.
int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
void kill_by_pidfd(int pidfd) {
  ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

// False: the time is over.
bool wait_until_readable(int fd, Duration most) {
  const Instant deadline = now() + most;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
    pollfd wanted{fd, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) return true;
    if (ready == 0) return false;
    DROVER_CHECK(errno == EINTR || errno == ENOMEM);
  }
}

}  // namespace

class KeeperClient::Connection {
 public:
  Connection(pid_t pid, UniqueFd pidfd, UniqueFd socket, UniqueFd wakeup, Duration farewell)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        socket_(std::move(socket)),
        wakeup_(std::move(wakeup)),
        farewell_(farewell) {}
  ~Connection();

  Status listen();
  Status start_worker(WorkerId id, std::span<const LaunchOptions::Pass> pass,
                      std::span<const std::string> args);
  std::optional<KeeperEvent> next_event();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] int wakeup() const { return wakeup_.get(); }

 private:
  enum class Worker { Asked, Started };
  struct Request {
    StartWorkerMessage message;
    std::vector<UniqueFd> fds;
  };

  Status keep(const StartWorkerMessage& message, std::span<const int> fds);
  void send_kept();
  std::optional<KeeperEvent> understand(std::span<const std::byte> bytes, Packet& packet);
  void give_up_on_keeper();

  const pid_t owner_ = ::getpid();
  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd socket_;
  UniqueFd wakeup_;  // an epoll of the socket: unlike that, it can be made to be silent
  Duration farewell_;
  std::deque<Request> kept_;
  std::deque<KeeperEvent> failed_;  // requests that were kept and could not be sent
  std::unordered_map<WorkerId, Worker> workers_;
  bool hung_up_ = false;
};

KeeperClient::Connection::~Connection() {
  if (owner_ != ::getpid()) return;
  // Not close alone: a process that the host has forked may hold the socket, too.
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (!wait_until_readable(pidfd_.get(), farewell_)) {
    kill_by_pidfd(pidfd_.get());
    if (!wait_until_readable(pidfd_.get(), std::chrono::seconds(1))) return;
  }
  siginfo_t ended;
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &ended, WEXITED) != 0 && errno == EINTR) {
  }
}

Status KeeperClient::Connection::listen() {
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket_.get()}};
  if (::epoll_ctl(wakeup_.get(), EPOLL_CTL_ADD, socket_.get(), &event) != 0) return last_error("epoll_ctl");
  return Nothing{};
}

Status KeeperClient::Connection::start_worker(WorkerId id, std::span<const LaunchOptions::Pass> pass,
                                              std::span<const std::string> args) {
  DROVER_CHECK(id != 0 && !workers_.contains(id) && !args.empty());
  if (hung_up_) return Error{"ask the keeper for a worker", "", EPIPE};
  StartWorkerMessage message;
  message.id = id;
  if (pass.size() > kMaxPacketFds) return Error{"start a worker with so many descriptors", "", E2BIG};
  std::array<int, kMaxPacketFds> fds{};
  for (const auto& each : pass) {
    fds[message.fd_count] = each.fd;
    message.targets[message.fd_count++] = each.target;
  }
  for (const std::string& arg : args) {
    DROVER_CHECK(arg.find('\0') == std::string::npos);
    if (arg.size() >= sizeof message.args - message.arg_bytes)
      return Error{"start a worker with so long arguments", "", E2BIG};
    std::memcpy(message.args + message.arg_bytes, arg.c_str(), arg.size() + 1);
    message.arg_bytes += static_cast<std::uint32_t>(arg.size() + 1);
    ++message.arg_count;
  }
  const std::span<const int> sent_fds(fds.data(), pass.size());
  Status sent =
      kept_.empty() ? send_packet(socket_.get(), bytes_of(message), sent_fds) : keep(message, sent_fds);
  if (!sent.ok() && sent.error().code == EAGAIN) sent = keep(message, sent_fds);
  if (sent.ok()) workers_.emplace(id, Worker::Asked);
  return sent;
}

Status KeeperClient::Connection::keep(const StartWorkerMessage& message, std::span<const int> fds) {
  Request request{message, {}};
  for (const int fd : fds) {
    request.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!request.fds.back()) return last_error("keep a descriptor for a worker");
  }
  kept_.push_back(std::move(request));
  return Nothing{};
}

// Nobody waits until the socket takes more: it is full of requests, and the answer to each calls for
// next_event.
void KeeperClient::Connection::send_kept() {
  for (; !kept_.empty(); kept_.pop_front()) {
    const Request& next = kept_.front();
    std::vector<int> fds;
    for (const UniqueFd& fd : next.fds) fds.push_back(fd.get());
    const Status sent = send_packet(socket_.get(), bytes_of(next.message), fds);
    if (sent.ok()) continue;
    const int code = sent.error().code;
    if (code == EAGAIN || code == EPIPE || code == ECONNRESET)
      return;  // later, or never: next_event will see
    workers_.erase(next.message.id);
    failed_.push_back(WorkerStartFailed{next.message.id, code, sent.error().text()});
  }
}

std::optional<KeeperEvent> KeeperClient::Connection::next_event() {
  if (!hung_up_) send_kept();
  if (!failed_.empty()) {
    KeeperEvent event = std::move(failed_.front());
    failed_.pop_front();
    return event;
  }
  if (hung_up_) return std::nullopt;
  std::byte buffer[sizeof(ExitedMessage)];
  static_assert(sizeof buffer >= sizeof(StartedMessage) && sizeof buffer >= sizeof(StartFailedMessage));
  auto packet = receive_packet(socket_.get(), buffer);
  if (!packet.ok() || packet->kind == Packet::Kind::Closed) {
    give_up_on_keeper();
    return std::nullopt;
  }
  if (packet->kind == Packet::Kind::Nothing) return std::nullopt;
  auto event = packet->cut ? std::nullopt : understand({buffer, packet->size}, *packet);
  if (!event) give_up_on_keeper();
  return event;
}

std::optional<KeeperEvent> KeeperClient::Connection::understand(std::span<const std::byte> bytes,
                                                                Packet& packet) {
  const auto state_is = [&](WorkerId id, Worker wanted) {
    const auto found = workers_.find(id);
    return found != workers_.end() && found->second == wanted;
  };
  if (StartedMessage started; read_message(bytes, started)) {
    if (!state_is(started.id, Worker::Asked) || started.pid <= 0) return std::nullopt;
    workers_[started.id] = Worker::Started;
    UniqueFd pidfd = packet.fds.empty() ? UniqueFd() : std::move(packet.fds.front());
    return WorkerStarted{started.id, started.pid, std::move(pidfd)};
  }
  if (StartFailedMessage failed; read_message(bytes, failed)) {
    if (!state_is(failed.id, Worker::Asked)) return std::nullopt;
    workers_.erase(failed.id);
    return WorkerStartFailed{failed.id, failed.code, read_text(failed.text)};
  }
  if (ExitedMessage exited; read_message(bytes, exited)) {
    if (!state_is(exited.id, Worker::Started)) return std::nullopt;
    workers_.erase(exited.id);
    return WorkerExited{exited.id, exited.status, exited.usage, exited.unkillable,
                        read_text(exited.unkillable_names)};
  }
  return std::nullopt;
}

// It has hung up or lied: it is dead, or useless and soon dead. The socket may stay readable for ever, which
// must wake nobody any more.
void KeeperClient::Connection::give_up_on_keeper() {
  kill_by_pidfd(pidfd_.get());
  ::epoll_ctl(wakeup_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  kept_.clear();
  hung_up_ = true;
}

Result<KeeperClient> KeeperClient::start(const Options& options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return last_error("socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd self(open_pidfd(::getpid()));
  if (!self) return last_error("pidfd_open");
  UniqueFd wakeup(::epoll_create1(EPOLL_CLOEXEC));
  if (!wakeup) return last_error("epoll_create1");

  LaunchOptions launch_options;
  launch_options.program = options.keeper_from_image ? "/proc/self/fd/" + std::to_string(options.image_fd)
                                                     : options.keeper_program;
  launch_options.args = {options.keeper_program, options.keeper_flag,
                         options.worker_program.empty() ? options.keeper_program : options.worker_program};
  launch_options.pass = {{theirs.get(), kKeeperControlFd}, {self.get(), kKeeperCoordinatorFd}};
  if (options.image_fd >= 0) {
    launch_options.pass.push_back({options.image_fd, kKeeperImageFd});
    launch_options.args.back() = "/proc/self/fd/" + std::to_string(kKeeperImageFd);
  }
  launch_options.null_stdin = true;
  launch_options.new_session = true;
  launch_options.mask = options.mask;
  launch_options.ignored = options.ignored;
  auto launched = launch(launch_options);
  if (!launched.ok()) return launched.error();

  auto connection = std::make_unique<Connection>(launched->pid, std::move(launched->pidfd), std::move(ours),
                                                 std::move(wakeup), options.farewell);
  const Status listening = connection->listen();
  if (!listening.ok()) return listening.error();
  return KeeperClient(std::move(connection));
}

KeeperClient::KeeperClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
KeeperClient::KeeperClient(KeeperClient&&) noexcept = default;
KeeperClient& KeeperClient::operator=(KeeperClient&&) noexcept = default;
KeeperClient::~KeeperClient() = default;

pid_t KeeperClient::pid() const {
  return connection_->pid();
}
int KeeperClient::fd() const {
  return connection_->wakeup();
}
int KeeperClient::pidfd() const {
  return connection_->pidfd();
}

Status KeeperClient::start_worker(WorkerId id, std::span<const LaunchOptions::Pass> pass,
                                  std::span<const std::string> args) {
  return connection_->start_worker(id, pass, args);
}

std::optional<KeeperEvent> KeeperClient::next_event() {
  return connection_->next_event();
}

}  // namespace drover
