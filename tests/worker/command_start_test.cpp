// How a command starts: what it gets, what it does not get, and why it may not start at all.
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <sstream>

#include "tests/sanitized.hpp"
#include "tests/worker/command_fixture.hpp"
#include "worker/command/child_image.hpp"
#include "worker/command/command_outcome.hpp"

using namespace drover;
using namespace drover::command_test;
using drover::test::kSanitized;

namespace {

// The value behind "name:" in what show_self printed.
std::string field(const std::string& printed, const std::string& name) {
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + ":")) return line.substr(line.find_first_not_of(" \t", name.size() + 1));
  return "no " + name;
}

std::uint64_t signals(const std::string& printed, const std::string& name) {
  return std::stoull(field(printed, name), nullptr, 16);
}

constexpr std::uint64_t bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

void check_refused(const CommandResult& result, int exit_code, const std::string& message) {
  CHECK(result.outcome.kind == OutcomeKind::CouldNotStart);
  CHECK(result.outcome.exit_code == exit_code);
  CHECK(result.outcome.message == message);
}

std::vector<std::string> strings(const char* const* list) {
  std::vector<std::string> copied;
  for (; *list != nullptr; ++list) copied.emplace_back(*list);
  return copied;
}

std::vector<std::string> environment(const Command& command, std::vector<const char*> base) {
  base.push_back(nullptr);
  const ChildImage image(command, const_cast<char* const*>(base.data()));
  return strings(image.environment());
}

std::vector<std::string> programs(const Command& command, const char* path) {
  const char* base[] = {path, nullptr};
  const ChildImage image(command, const_cast<char* const*>(base));
  return strings(image.programs());
}

}  // namespace

TEST_CASE("a command's own variables go over those of the worker, and the last of a name counts") {
  Command made = command({"x"});
  made.env = {{"B", "new"}, {"C", "first"}, {"C", "last"}, {"EMPTY", ""}};
  CHECK(environment(made, {"A=kept", "B=old", "BB=kept too", "ODD"}) ==
        std::vector<std::string>{"A=kept", "BB=kept too", "ODD", "B=new", "C=last",
                                 "EMPTY=", "DROVER_PROGRESS_FD=7"});
}

TEST_CASE("nobody but the worker says where the progress pipe is") {
  Command made = command({"x"});
  made.env = {{"DROVER_PROGRESS_FD", "99"}};
  CHECK(environment(made, {"DROVER_PROGRESS_FD=98"}) == std::vector<std::string>{"DROVER_PROGRESS_FD=7"});
}

TEST_CASE("a program is searched in the PATH that the task will see, an empty folder being the current one") {
  CHECK(programs(command({"tool"}), "PATH=/a::/b:") ==
        std::vector<std::string>{"/a/tool", "./tool", "/b/tool", "./tool"});
  CHECK(programs(command({"tool"}), "NO=PATH") == std::vector<std::string>{"/bin/tool", "/usr/bin/tool"});
  CHECK(programs(command({"./tool"}), "PATH=/a") == std::vector<std::string>{"./tool"});
  Command made = command({"tool"});
  made.env = {{"PATH", "/own"}};
  CHECK(programs(made, "PATH=/a") == std::vector<std::string>{"/own/tool"});
}

TEST_CASE("a command gets its words, its environment and its folder") {
  const TestFolder folder;
  Command made = script("printf '%s|' \"$@\" \"$DROVER_TASK\" \"$PWD\"");
  made.argv.insert(made.argv.end(), {"name", "a b", "", "*"});
  made.env = {{"DROVER_TASK", "resize 1"}};
  made.cwd = folder.path();
  CHECK(output_of(made) == "a b||*|resize 1|" + folder.path() + "|");
}

TEST_CASE("a command leads its own session, dies with the worker and has no descriptor but its four") {
  const UniqueFd leak(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const std::string printed = output_of(command({child("show_self")}));
  CHECK(field(printed, "leads") == "yes");
  CHECK(field(printed, "descriptors") == "0 1 2 7");
  CHECK(field(printed, "death signal") == std::to_string(SIGKILL));
}

TEST_CASE("descriptors reach their places when the worker's own numbers are in the way") {
  // Runs with every descriptor of the worker closed, so that the pipes get the lowest numbers.
  // A pipe that is kept from the command before would be closed with them: one that leaves a child has none
  // kept.
  TestControl first;
  CHECK(run(script("sleep 60 &"), first).outcome.left_behind == 1);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t worker = ::fork();
  if (worker == 0) {
    const int report = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 100);
    for (int fd = 0; fd < 100; ++fd) ::close(fd);
    Command made = script("cat; echo err >&2; echo 1/1 >&7");
    made.stdin_kind = StdinKind::Text;
    made.stdin_value = "in";
    TestControl control;
    const CommandResult result = run_command(made, control);
    const std::string text = result.out.head + "," + result.err.head + "," +
                             (control.progress.empty() ? "" : control.progress.front());
    const bool told = ::write(report, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(told ? 0 : 1);
  }
  char text[100];
  const ssize_t got = [&] {
    ::close(ends[1]);
    return ::read(ends[0], text, sizeof text);
  }();
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(worker, &status, 0) == worker);
  CHECK(status == 0);
  CHECK(std::string(text, static_cast<std::size_t>(std::max<ssize_t>(got, 0))) == "in,err\n,1/1");
}

TEST_CASE("a command finds the worker's signal mask and what it ignores, and default for what it catches") {
  struct sigaction before_1, before_2;
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR1, &action, &before_1);
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR2, &action, &before_2);
  sigset_t blocked, mask_before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGWINCH);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &mask_before);

  const std::string printed = output_of(command({child("show_self")}));

  sigset_t mask_after;
  ::pthread_sigmask(SIG_SETMASK, &mask_before, &mask_after);
  ::sigaction(SIGUSR1, &before_1, nullptr);
  ::sigaction(SIGUSR2, &before_2, nullptr);
  CHECK(signals(printed, "SigBlk") == bit(SIGWINCH));
  CHECK((signals(printed, "SigIgn") & (bit(SIGUSR1) | bit(SIGUSR2) | bit(SIGCHLD))) == bit(SIGUSR1));
  if (!kSanitized) CHECK(signals(printed, "SigCgt") == 0);  // a sanitizer catches some in the child
  CHECK(::sigismember(&mask_after, SIGWINCH) == 1);
  CHECK(::sigismember(&mask_after, SIGTERM) == 0);
}

TEST_CASE("without another wish standard input is empty") {
  CHECK(output_of(script("readlink /proc/self/fd/0; cat")) == "/dev/null\n");
}

TEST_CASE("standard input may be a file or a text of any size") {
  const TestFolder folder;
  Command made = command({"cat"});
  made.stdin_kind = StdinKind::File;
  made.stdin_value = folder.write("in", "from a file\n");
  CHECK(output_of(made) == "from a file\n");

  made.stdin_kind = StdinKind::Text;
  made.stdin_value = std::string(300'000, 'x') + "end";
  CHECK(output_of(made) == made.stdin_value);
}

TEST_CASE("a command cannot change its text on standard input") {
  Command made = script("echo more 1>&0");
  made.stdin_kind = StdinKind::Text;
  made.stdin_value = "text";
  CHECK(run(made).outcome.kind == OutcomeKind::Failed);
}

TEST_CASE("a command that never reads its standard input makes nobody wait") {
  Command made = command({"true"});
  made.stdin_kind = StdinKind::Text;
  made.stdin_value = std::string(2'000'000, 'x');
  CHECK(run(made).outcome.succeeded());
}

TEST_CASE("a standard input that cannot be opened is named") {
  const TestFolder folder;
  Command made = command({"cat"});
  made.stdin_kind = StdinKind::File;
  made.stdin_value = folder.path("nothing");
  check_refused(run(made), 126, "stdin " + made.stdin_value + ": No such file or directory");
  made.stdin_value = folder.path();
  check_refused(run(made), 126, "stdin " + made.stdin_value + ": Is a directory");
  made.stdin_value = folder.fifo("fifo");
  check_refused(run(made), 126,
                "stdin " + made.stdin_value + ": is a FIFO; let the command open it: sh -c 'COMMAND < FIFO'");
}

TEST_CASE("a folder that cannot be entered is named") {
  const TestFolder folder;
  Command made = command({"true"});
  made.cwd = folder.path("nothing");
  check_refused(run(made), 126, "cwd " + made.cwd + ": No such file or directory");
}

TEST_CASE("a missing program is not found, whichever way it was named") {
  const TestFolder folder;
  check_refused(run(command({"no-such-program-here"})), 127, "no-such-program-here: not found");
  check_refused(run(command({folder.path("no\nsuch")})), 127, folder.path("no?such") + ": not found");
  check_refused(run(command({folder.write("file", "") + "/program"})), 127,
                folder.path("file/program") + ": not found");
  check_refused(run(command({""})), 127, "'': not found");
}

TEST_CASE("what is no program is not executable") {
  const TestFolder folder;
  const std::string file = folder.write("plain", "#!/bin/sh\n", 0644);
  check_refused(run(command({file})), 126, file + ": not executable");
  check_refused(run(command({folder.path()})), 126, folder.path() + ": is a directory");
  Command relative = command({"./plain"});
  relative.cwd = folder.path();
  check_refused(run(relative), 126, "./plain: not executable");
}

TEST_CASE("a script whose interpreter is missing says so") {
  const TestFolder folder;
  const std::string file = folder.write("script", "#!/no/such/interpreter\n", 0755);
  check_refused(run(command({file})), 127, file + ": the interpreter or loader that it names was not found");
}

TEST_CASE("a script without an interpreter is run by sh") {
  const TestFolder folder;
  const std::string file = folder.write("script", "echo \"$0 $1\"\n", 0755);
  CHECK(output_of(command({file, "word"})) == file + " word\n");
}

TEST_CASE("the search goes on past what may not be executed, and remembers it") {
  const TestFolder folder;
  ::mkdir(folder.path("1").c_str(), 0700);
  ::mkdir(folder.path("2").c_str(), 0700);
  folder.write("1/tool", "#!/bin/sh\n", 0644);
  Command made = command({"tool"});
  made.env = {{"PATH", folder.path("1") + ":" + folder.path("2")}};
  check_refused(run(made), 126, "tool: not executable");
  folder.write("2/tool", "#!/bin/sh\necho second\n", 0755);
  CHECK(output_of(made) == "second\n");
}

TEST_CASE("words that are too long for the system are refused with their size") {
  const std::string word(200'000, 'x');
  const CommandResult result = run(command({"/bin/true", word}));
  CHECK(result.outcome.kind == OutcomeKind::CouldNotStart);
  CHECK(result.outcome.exit_code == 126);
  CHECK(result.outcome.message.starts_with("/bin/true: the arguments and the environment are too long"));
}

TEST_CASE("a worker without free descriptors refuses the command and runs the next one") {
  TestWorker worker;
  TestControl control;
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(run_command(command({"true"}), control).outcome.succeeded());  // opens /dev/null once and for all
  const rlimit few{static_cast<rlim_t>(next.get()) + 3, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const CommandResult result = run_command(command({"true"}), control);
  ::setrlimit(RLIMIT_NOFILE, &before);
  check_refused(result, 126, std::string("pipe2: ") + ::strerror(EMFILE));
  CHECK(run_command(command({"true"}), control).outcome.succeeded());
}

TEST_CASE("a wait status becomes an outcome") {
  const auto exited = outcome_of(W_EXITCODE(3, 0), StopReason::None);
  CHECK(exited.kind == OutcomeKind::Failed);
  CHECK(exited.exit_code == 3);
  const auto dumped = outcome_of(W_EXITCODE(0, SIGSEGV) | WCOREFLAG, StopReason::None);
  CHECK(dumped.kind == OutcomeKind::Signaled);
  CHECK(dumped.signal == SIGSEGV);
  CHECK(dumped.core_dumped);
  const auto plain = outcome_of(W_EXITCODE(0, SIGSEGV), StopReason::None);
  CHECK_FALSE(plain.core_dumped);
  CHECK(outcome_of(W_EXITCODE(0, 0), StopReason::Timeout).kind == OutcomeKind::TimedOut);
  CHECK(outcome_of(W_EXITCODE(0, SIGTERM), StopReason::Request).kind == OutcomeKind::Cancelled);
}

TEST_CASE("a command's end is told with its exit code or signal, its time and its use of the machine") {
  const CommandResult failed = run(script("exit 3"));
  CHECK(failed.outcome.kind == OutcomeKind::Failed);
  CHECK(failed.outcome.exit_code == 3);
  CHECK(failed.outcome.start_ns <= now_ns());
  CHECK(failed.outcome.wall_ns > 0);
  CHECK(failed.outcome.usage.max_rss_kib > 0);

  const CommandResult killed = run(script("ulimit -c 0; kill -SEGV $$"));
  CHECK(killed.outcome.kind == OutcomeKind::Signaled);
  CHECK(killed.outcome.signal == SIGSEGV);
  CHECK_FALSE(killed.outcome.core_dumped);

  const CommandResult busy = run(script("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"));
  CHECK(busy.outcome.usage.user_ns + busy.outcome.usage.system_ns > 0);
  CHECK(busy.outcome.usage.user_ns + busy.outcome.usage.system_ns <= 2 * busy.outcome.wall_ns);
}

TEST_CASE("running commands leaves no descriptor open") {
  const auto count = [] {
    std::size_t found = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++found;
    return found;
  };
  (void)run(command({"true"}));
  const std::size_t before = count();
  (void)run(command({"true"}));
  (void)run(command({"no-such-program-here"}));
  (void)run(command({child("print_much"), "300000", "0"}));
  CHECK(count() == before);
}
