// A program that a test runs: its input is written and its output read while the test waits for something,
// and a watchdog ends a wait that has no end. Knows nothing of drover.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/unique_fd.hpp"

namespace drover::test {

// No wait of a test is longer: what takes longer hangs.
inline constexpr Duration kWatchdog = std::chrono::seconds(60);

struct Start {
  std::string input = {};
  bool keep_input_open = false;  // until Program::close_input
  std::vector<std::pair<std::string, std::string>> env = {};
  std::string cwd = {};
  std::vector<int> ignored = {};                        // signals
  std::function<void(std::string_view)> take_out = {};  // instead of Ran::out
};

// How it ended. Nothing in it is judged.
struct Ran {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  bool core_dumped = false;
  std::string out, err;
  rusage usage{};
};

class Program {
 public:
  Program(const std::string& file, const std::vector<std::string>& args, Start options)
      : input_(std::move(options.input)),
        keep_input_(options.keep_input_open),
        take_out_(std::move(options.take_out)) {
    ::signal(SIGPIPE, SIG_IGN);  // of our writes; the program itself begins with the default
    auto in = make_pipe(), out = make_pipe(), err = make_pipe();
    launch(file, args, options, in.first.get(), out.second.get(), err.second.get());
    in_ = std::move(in.second);
    out_ = std::move(out.first);
    err_ = std::move(err.first);
    for (const UniqueFd* end : {&in_, &out_, &err_}) REQUIRE(::fcntl(end->get(), F_SETFL, O_NONBLOCK) == 0);
    pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    REQUIRE(pidfd_);
    write_pending();
  }
  Program(Program&& other) noexcept = default;
  Program& operator=(Program&&) = delete;
  ~Program() {
    if (!pidfd_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }
  // A blocked signal is pending until it is read. Nothing tells of that moment but /proc.
  void wait_until_taken(int number) const {
    const Instant limit = now() + kWatchdog;
    for (bool pending = true; pending; ::sched_yield()) {
      if (now() > limit) FAIL("signal " << number << " is not taken");
      std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
      pending = false;
      for (std::string line; std::getline(status, line);)
        if (line.starts_with("SigPnd:") || line.starts_with("ShdPnd:"))
          pending = pending || (std::stoull(line.substr(7), nullptr, 16) >> (number - 1) & 1) != 0;
    }
  }
  void write_input(std::string_view text) {
    input_ += text;
    write_pending();
  }
  void close_input() {
    keep_input_ = false;
    write_pending();
  }
  // Nobody reads what it prints any more.
  void close_out() { out_.reset(); }
  // It is there, but does not read.
  void stop_reading_out() { unread_out_ = std::move(out_); }

  // Until it has printed that.
  void wait_for_out(std::string_view text) { wait_for(ran_.out, text); }
  void wait_for_err(std::string_view text) { wait_for(ran_.err, text); }
  // Until somebody else's descriptor is readable: true; false: the program has ended.
  [[nodiscard]] bool wait_for_readable(int fd) {
    const Instant limit = now() + kWatchdog;
    while (step(limit, fd) == Seen::Nothing) {
    }
    return !ended_;
  }
  // Until it has ended.
  [[nodiscard]] Ran finish() {
    close_input();
    const Instant limit = now() + kWatchdog;
    while (!ended_) step(limit, -1);
    take(out_, ran_.out, &take_out_);
    take(err_, ran_.err, nullptr);
    int status = 0;
    REQUIRE(::wait4(pid_, &status, 0, &ran_.usage) == pid_);
    pidfd_.reset();
    ran_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ran_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ran_.core_dumped = WIFSIGNALED(status) && WCOREDUMP(status);
    return std::move(ran_);
  }

 private:
  enum class Seen { Nothing, Other, End };

  static std::pair<UniqueFd, UniqueFd> make_pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  void launch(const std::string& file, const std::vector<std::string>& args, const Start& options, int in,
              int out, int err) {
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each)
      if (!std::string_view(*each).starts_with("DROVER_")) variables.emplace_back(*each);
    for (const auto& [name, value] : options.env) variables.push_back(name + "=" + value);
    std::vector<std::string> words{file};
    words.insert(words.end(), args.begin(), args.end());
    const auto pointers = [](std::vector<std::string>& strings) {
      std::vector<char*> list;
      for (std::string& each : strings) list.push_back(each.data());
      list.push_back(nullptr);
      return list;
    };
    auto argv = pointers(words), envp = pointers(variables);

    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ != 0) return;
    // Whatever the test was started with, the program starts clean.
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    for (const int number : options.ignored) ::signal(number, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const bool ready = ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(err, 2) == 2 &&
                       (options.cwd.empty() || ::chdir(options.cwd.c_str()) == 0);
    if (ready) ::execve(argv[0], argv.data(), envp.data());
    ::_exit(99);
  }

  void wait_for(std::string& text, std::string_view wanted) {
    const Instant limit = now() + kWatchdog;
    for (;;) {
      if (text.find(wanted) != std::string::npos) return;
      if (ended_) FAIL("ended without having printed \"" << wanted << "\"" << so_far());
      step(limit, -1);
    }
  }

  // Waits for one thing to happen and does what belongs to it.
  Seen step(Instant limit, int other) {
    const bool writes = !input_.empty() && in_;
    pollfd wanted[] = {{pidfd_.get(), POLLIN, 0},
                       {out_.get(), POLLIN, 0},
                       {err_.get(), POLLIN, 0},
                       {writes ? in_.get() : -1, POLLOUT, 0},
                       {other, POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - now()).count();
    if (left <= 0) give_up();
    if (::poll(wanted, std::size(wanted), static_cast<int>(left)) < 0) return Seen::Nothing;
    if (wanted[1].revents != 0) take(out_, ran_.out, &take_out_);
    if (wanted[2].revents != 0) take(err_, ran_.err, nullptr);
    if (wanted[3].revents != 0) write_pending();
    if (wanted[0].revents != 0) {
      ended_ = true;
      return Seen::End;
    }
    return wanted[4].revents != 0 ? Seen::Other : Seen::Nothing;
  }

  static void take(UniqueFd& from, std::string& text, const std::function<void(std::string_view)>* sink) {
    if (!from) return;
    char bytes[65536];
    for (;;) {
      const ssize_t got = ::read(from.get(), bytes, sizeof bytes);
      if (got < 0) return;  // nothing more for now
      if (got == 0) return from.reset();
      const std::string_view piece(bytes, static_cast<std::size_t>(got));
      if (sink != nullptr && *sink)
        (*sink)(piece);
      else
        text += piece;
    }
  }

  void write_pending() {
    while (in_ && written_ < input_.size()) {
      const ssize_t n = ::write(in_.get(), input_.data() + written_, input_.size() - written_);
      if (n > 0)
        written_ += static_cast<std::size_t>(n);
      else if (n < 0 && errno == EPIPE)
        in_.reset();
      else
        return;
    }
    input_.clear();
    written_ = 0;
    if (!keep_input_) in_.reset();
  }

  [[nodiscard]] std::string so_far() const {
    return "\n--- stdout\n" + ran_.out.substr(0, 4000) + "\n--- stderr\n" + ran_.err.substr(0, 4000);
  }

  void give_up() {
    ::kill(pid_, SIGKILL);
    FAIL("nothing happens any more" << so_far());
  }

  pid_t pid_ = -1;
  UniqueFd pidfd_, in_, out_, err_, unread_out_;
  std::string input_;
  std::size_t written_ = 0;
  bool keep_input_ = false;
  bool ended_ = false;
  std::function<void(std::string_view)> take_out_;
  Ran ran_;
};

}  // namespace drover::test
