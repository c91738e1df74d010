// Starting one of drover's own processes: what the new process gets, and what it does not get.
#include "common/launch.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

using namespace drover;

namespace {

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  std::string read_all() {
    write_end.reset();
    std::string text;
    char chunk[4096];
    ssize_t got = 0;
    while ((got = ::read(read_end.get(), chunk, sizeof chunk)) > 0)
      text.append(chunk, static_cast<std::size_t>(got));
    return text;
  }
};

UniqueFd file_that_holds(const std::string& text) {
  UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

LaunchOptions program(std::vector<std::string> args) {
  LaunchOptions options;
  options.program = args.front();
  options.args = std::move(args);
  return options;
}

LaunchOptions script(const std::string& text) {
  return program({"/bin/sh", "-c", text});
}

int wait_for(const Launched& launched) {
  int status = -1;
  REQUIRE(::waitpid(launched.pid, &status, 0) == launched.pid);
  return status;
}

// What it prints on stdout, which must end well.
std::string output_of(LaunchOptions options) {
  Pipe out;
  options.pass.push_back({out.write_end.get(), STDOUT_FILENO});
  auto launched = launch(options);
  REQUIRE_MESSAGE(launched.ok(), launched.error().text());
  std::string text = out.read_all();
  CHECK(wait_for(*launched) == 0);
  return text;
}

// The number behind "SigIgn:" and its like, as /proc/self/status has it: bit n-1 for signal n.
std::uint64_t signals_in(const std::string& status, const std::string& field) {
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1), nullptr, 16);
  FAIL("no " << field);
  return 0;
}

constexpr std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int each : signals) ::sigaddset(&set, each);
  return set;
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace

// The first one: had exit handlers run in a child that shares our memory, none would run for the next child.
TEST_CASE("a failed exec runs no exit handler of the caller") {
  Pipe told;
  const pid_t child = ::fork();
  if (child == 0) {
    static int handler_fd = told.write_end.get();
    std::atexit([] { (void)!::write(handler_fd, "!", 1); });
    (void)launch(program({"/no/such/program"}));
    ::_exit(0);
  }
  CHECK(told.read_all().empty());
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("descriptors arrive where they belong, even when two of them swap") {
  const UniqueFd a = file_that_holds("A");
  const UniqueFd b = file_that_holds("B");
  const UniqueFd c = file_that_holds("C");
  LaunchOptions options =
      program({"/bin/cat", "/dev/fd/" + std::to_string(a.get()), "/dev/fd/" + std::to_string(b.get()),
               "/dev/fd/" + std::to_string(c.get())});
  options.pass = {{a.get(), b.get()}, {b.get(), c.get()}, {c.get(), a.get()}};
  CHECK(output_of(options) == "CAB");
}

TEST_CASE("one descriptor can arrive at its own number and at another") {
  const UniqueFd a = file_that_holds("A");
  LaunchOptions options = program({"/bin/cat", "/dev/fd/" + std::to_string(a.get()), "/dev/fd/40"});
  options.pass = {{a.get(), a.get()}, {a.get(), 40}};
  CHECK(output_of(options) == "AA");
}

TEST_CASE("nothing but the listed descriptors and the standard ones arrives") {
  const UniqueFd inheritable(::open("/dev/null", O_RDONLY));  // no O_CLOEXEC: a careless host program
  const UniqueFd between(::fcntl(inheritable.get(), F_DUPFD, 10));
  const UniqueFd far(::fcntl(inheritable.get(), F_DUPFD, 300));
  const UniqueFd passed = file_that_holds("x");
  LaunchOptions options = script(
      "for fd in /proc/$$/fd/*; do [ -e $fd ] && printf '%s ' ${fd##*/}; done; readlink /proc/$$/fd/0");
  options.pass = {{passed.get(), 3}, {passed.get(), 20}};
  options.null_stdin = true;
  CHECK(output_of(options) == "0 1 2 20 3 /dev/null\n");
}

TEST_CASE("a listed standard input wins over /dev/null") {
  const UniqueFd text = file_that_holds("text");
  REQUIRE(::lseek(text.get(), 0, SEEK_SET) == 0);
  LaunchOptions options = program({"/bin/cat"});
  options.pass = {{text.get(), STDIN_FILENO}};
  options.null_stdin = true;
  CHECK(output_of(options) == "text");
}

TEST_CASE("a program given by a descriptor starts even when its number is a target") {
  const UniqueFd image(::open("/bin/cat", O_RDONLY | O_CLOEXEC));
  const UniqueFd text = file_that_holds("by descriptor");
  const std::string number = std::to_string(image.get());
  LaunchOptions options = program({"cat", "/dev/fd/" + number});
  options.program = "/proc/self/fd/" + number;
  // Nor does a copy of it get a number that is one.
  for (int target = 3; target < 20; ++target) options.pass.push_back({text.get(), target});
  CHECK(output_of(options) == "by descriptor");
}

TEST_CASE("a failed exec reports why and leaves no zombie") {
  const auto before = open_descriptors();
  const std::pair<const char*, int> cases[] = {
      {"/no/such/program", ENOENT}, {"/etc/passwd", EACCES}, {"/proc/self/fd/999", EBADF}};
  for (const auto& [path, code] : cases) {
    const auto launched = launch(program({path}));
    REQUIRE(!launched.ok());
    CHECK(launched.error().code == code);
    CHECK(launched.error().text().find(path) != std::string::npos);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("descriptors that cannot be passed are refused") {
  const UniqueFd file = file_that_holds("x");
  LaunchOptions options = program({"/bin/true"});
  options.pass = {{999, 3}};
  CHECK(launch(options).error().code == EBADF);
  for (const int target : {-1, 1024, 0x7fffffff}) {
    options.pass = {{file.get(), target}};
    CHECK(launch(options).error().code == EBADF);
  }
  options.pass = {{file.get(), 3}, {file.get(), 3}};
  CHECK(launch(options).error().code == EINVAL);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("caught signals are default in the child, ignored ones stay ignored, the mask is the caller's") {
  const auto old_usr1 = ::signal(SIGUSR1, [](int) {});
  const auto old_usr2 = ::signal(SIGUSR2, SIG_IGN);
  sigset_t old_mask;
  const sigset_t mask = set_of({SIGHUP});
  ::pthread_sigmask(SIG_SETMASK, &mask, &old_mask);
  const std::string status = output_of(program({"/bin/cat", "/proc/self/status"}));
  sigset_t mask_after;
  ::pthread_sigmask(SIG_SETMASK, &old_mask, &mask_after);
  ::signal(SIGUSR1, old_usr1);
  ::signal(SIGUSR2, old_usr2);

  CHECK(signals_in(status, "SigCgt") == 0);
  CHECK((signals_in(status, "SigIgn") & (bit(SIGUSR1) | bit(SIGUSR2))) == bit(SIGUSR2));
  CHECK(signals_in(status, "SigBlk") == bit(SIGHUP));
  CHECK(::sigismember(&mask_after, SIGHUP) == 1);
  CHECK(::sigismember(&mask_after, SIGTERM) == 0);
}

TEST_CASE("a mask and a set of ignored signals replace the caller's") {
  const auto old_usr2 = ::signal(SIGUSR2, SIG_IGN);
  LaunchOptions options = program({"/bin/cat", "/proc/self/status"});
  options.mask = set_of({SIGUSR1});
  options.ignored = set_of({SIGHUP});
  const std::string status = output_of(options);
  ::signal(SIGUSR2, old_usr2);
  CHECK(signals_in(status, "SigBlk") == bit(SIGUSR1));
  CHECK(signals_in(status, "SigIgn") == bit(SIGHUP));
}

TEST_CASE("a new session is asked for, or the caller's is kept") {
  for (const bool wanted : {true, false}) {
    LaunchOptions options = program({"/bin/sleep", "1000"});
    options.new_session = wanted;
    auto launched = launch(options);
    REQUIRE(launched.ok());
    CHECK(::getsid(launched->pid) == (wanted ? launched->pid : ::getsid(0)));
    ::kill(launched->pid, SIGKILL);
    wait_for(*launched);
  }
}

TEST_CASE("the death signal arrives when the launcher dies") {
  Pipe lifeline;
  Pipe ready;
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    LaunchOptions options = program({"/bin/sleep", "1000"});
    options.pass = {{lifeline.write_end.get(), 9}};
    options.death_signal = SIGKILL;
    if (launch(options).ok()) (void)!::write(ready.write_end.get(), "x", 1);
    for (;;) ::pause();
  }
  ready.write_end.reset();
  char byte = 0;
  REQUIRE(::read(ready.read_end.get(), &byte, 1) == 1);
  ::kill(launcher, SIGKILL);
  ::waitpid(launcher, nullptr, 0);
  CHECK(lifeline.read_all().empty());  // returns when nobody holds it any more
}

TEST_CASE("the pidfd is the child's, and the child is the caller's to reap") {
  auto launched = launch(script("exit 7"));
  REQUIRE(launched.ok());
  siginfo_t ended{};
  REQUIRE(::waitid(P_PIDFD, static_cast<id_t>(launched->pidfd.get()), &ended, WEXITED) == 0);
  CHECK(ended.si_pid == launched->pid);
  CHECK(ended.si_status == 7);
}
