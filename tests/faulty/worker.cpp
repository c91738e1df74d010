// A drover-worker that is honest but for one fault. Which one, is told
//   by the environment variable DROVER_FAULT: what a worker does instead of greeting, or before;
//   by a task whose command is `fault HOW`: what becomes of that task's outcome.
// A HOW that is not below is a mistake of the test: the worker ends, and the task is lost.
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/check.hpp"
#include "common/command.hpp"
#include "common/function_names.hpp"
#include "common/segment.hpp"
#include "worker/command/loop.hpp"
#include "worker/command/run_command.hpp"
#include "worker/keeper.hpp"
#include "worker/registry.hpp"
#include "worker/slots/cpu.hpp"

namespace drover {
namespace {

constexpr std::uint64_t kWall = 1000;  // so short that several such tasks are queued in one lane

[[noreturn]] void stay() {
  for (;;) ::pause();
}

// True for the first worker of a run that asks.
bool first_to(const char* what) {
  const UniqueFd fd(::open(what, O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  return fd.get() >= 0;
}

void append(const char* file, const std::string& line) {
  const UniqueFd fd(::open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  DROVER_CHECK(::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

// --- before the handshake

void greet_in_another_version() {
  const int up = ::dup(kUpFd);
  void* at = ::mmap(nullptr, sizeof(UpHeader), PROT_READ | PROT_WRITE, MAP_SHARED, up, 0);
  DROVER_CHECK(at != MAP_FAILED);
  auto* header = static_cast<UpHeader*>(at);
  header->version.store(kLaneVersion + 1);
  header->magic.store(kUpMagic);
  const std::uint64_t one = 1;
  DROVER_CHECK(::write(kBellFd, &one, sizeof one) == sizeof one);
  stay();
}

void misgreet(WorkerDesk& desk) {
  desk.lane().greet(static_cast<std::uint32_t>(registered_functions().size()), kNoNames + 1);
  stay();
}

// --- instead of an honest outcome

class FaultyTask {
 public:
  FaultyTask(WorkerDesk& desk, const TakenTask& task, Command command)
      : desk_(desk), task_(task), command_(std::move(command)) {}

  void run() {
    DROVER_CHECK(command_.argv.size() >= 2);
    append("begun", command_.argv[1] + "\n");
    const std::map<std::string, std::function<void()>> faults{
        {"none", [&] { publish(0); }},
        {"honest", [&] { run_rest(); }},
        {"die-before-bell",
         [&] {
           publish_without_bell();
           ::raise(SIGKILL);
         }},
        {"go-on-before-bell", [&] { publish_without_bell(); }},
        {"pause-between", [&] { pause_between(); }},
        {"result-missing", [&] { lie(kResultByDescriptor); }},
        {"result-twice",
         [&] {
           lie_about_result({blob("x"), blob("y")});
         }},
        {"result-unsealed", [&] { lie_about_result({memfd(10, 0)}); }},
        {"result-pipe", [&] { lie_about_result({pipe_end()}); }},
        {"result-too-large",
         [&] { lie_about_result({memfd(kTooMuch, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)}); }},
        {"result-nonsense", [&] { lie_about_result({blob("?")}, kFullAccount); }},
        {"result-other-kind",
         [&] { lie_about_result({blob(account(OutcomeKind::Failed, 0))}, kFullAccount); }},
        {"spool-missing", [&] { lie_about_spool({}); }},
        {"spool-fifo", [&] { lie_about_spool({pipe_end()}, 0); }},
        {"spool-folder", [&] { lie_about_spool({::open(".", O_RDONLY)}, 1); }},
        {"spool-socket", [&] { lie_about_spool({::socket(AF_UNIX, SOCK_STREAM, 0)}, 0); }},
        {"spool-endless", [&] { lie_about_spool({::open("/dev/zero", O_RDONLY)}, 0); }},
        {"spool-short", [&] { lie_about_spool({memfd(kSaid - 1, 0)}); }},
        {"spool-twice",
         [&] {
           lie_about_spool({memfd(kSaid, 0), memfd(kSaid, 0)});
         }},
        {"output-nowhere", [&] { lie(kFullAccount, account(OutcomeKind::Succeeded)); }},
        {"live-fifo",
         [&] {
           go_live({pipe_end(), pipe_end()});
         }},
        {"live-short",
         [&] {
           go_live({memfd(0, 0), memfd(0, 0)});
         }},
    };
    faults.at(command_.argv[1])();
  }

 private:
  static constexpr std::uint64_t kSaid = 100'000;  // bytes of a spool, by what is said of it
  static constexpr off_t kTooMuch = (off_t{1} << 30) + 1;

  void publish(unsigned flags, std::string_view result = {}) {
    desk_.lane().publish(task_, OutcomeKind::Succeeded, static_cast<std::uint8_t>(flags), kWall, result);
  }
  // What stands behind `fault honest` is a command like any other.
  void run_rest() {
    command_.argv.erase(command_.argv.begin(), command_.argv.begin() + 2);
    const std::string bytes = encode_command(command_);
    TakenTask rest = task_;
    rest.args = bytes;
    run_command_task(desk_, rest);
  }
  void publish_without_bell() {
    const UniqueFd bell(::dup(kBellFd)), silent(::eventfd(0, EFD_CLOEXEC));
    DROVER_CHECK(::dup2(silent.get(), kBellFd) == kBellFd);
    publish(0, command_.argv.size() > 2 ? command_.argv[2] + "\n" : "");
    DROVER_CHECK(::dup2(bell.get(), kBellFd) == kBellFd);
  }
  // Stands between this task and the next one until somebody writes into the FIFO `go`.
  void pause_between() {
    const bool fails = command_.argv.size() > 2;
    if (fails)
      desk_.lane().publish(task_, OutcomeKind::Failed, kFullAccount, kWall, account(OutcomeKind::Failed, 0));
    else
      publish(0);
    desk_.lane().ring();
    append("between", "\n");
    const UniqueFd go(::open("go", O_RDONLY | O_CLOEXEC));
    char byte = 0;
    DROVER_CHECK(::read(go.get(), &byte, 1) == 1);
  }
  // Who has lied waits: that it goes is the coordinator's doing.
  void lie(unsigned flags, std::string_view result = {}) {
    publish(flags, result);
    desk_.lane().ring();
    stay();
  }
  void lie_about_result(std::initializer_list<int> fds, unsigned more_flags = 0) {
    send(LaneMessageType::Result, fds);
    lie(kResultByDescriptor | more_flags);
  }
  void lie_about_spool(std::initializer_list<int> fds, std::uint64_t said = kSaid) {
    if (fds.size() != 0) send(LaneMessageType::Spools, fds);
    lie(kFullAccount | kOutSpooled, account(OutcomeKind::Succeeded, said));
  }
  // Not a lie that is looked for: what cannot be read of such files is not shown.
  void go_live(std::initializer_list<int> fds) {
    send(LaneMessageType::Live, fds);
    desk_.lane().board().out_bytes.store(kSaid);
    desk_.lane().board().err_bytes.store(kSaid);
    publish(kFullAccount, account(OutcomeKind::Succeeded));
  }

  static std::string account(OutcomeKind kind, std::uint64_t out_size = kSaid) {
    Report report;
    report.outcome.kind = kind;
    report.out.size = out_size;
    return encode_report(report);
  }
  void send(LaneMessageType type, std::initializer_list<int> fds) {
    const LaneMessage message{.type = type, .attempt = task_.attempt, .task = task_.task, .grace_ns = 0};
    DROVER_CHECK(send_message(desk_.socket(), message, fds.begin(), fds.size(), Wait::Yes).ok());
  }
  static int blob(std::string_view bytes) { return ::dup(make_sealed_blob("fault", bytes)->get()); }
  static int memfd(off_t size, int seals) {
    const int fd = ::memfd_create("fault", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    DROVER_CHECK(::ftruncate(fd, size) == 0 && (seals == 0 || ::fcntl(fd, F_ADD_SEALS, seals) == 0));
    return fd;
  }
  // To read from, and somebody who could write stays: so a read would wait for ever.
  static int pipe_end() {
    int ends[2];
    DROVER_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    return ends[0];
  }

  WorkerDesk& desk_;
  const TakenTask& task_;
  Command command_;
};

int run_worker(std::string_view kind) {
  const char* chosen = ::getenv("DROVER_FAULT");
  const std::string_view fault = chosen != nullptr ? chosen : "";
  if (fault == "other-version") greet_in_another_version();
  if (fault == "stop-before-greeting" && first_to("stopped")) ::raise(SIGSTOP);
  auto desk = WorkerDesk::open();
  DROVER_CHECK(desk.ok());
  if (fault == "other-functions") misgreet(*desk);
  if (kind == "function") run_function_worker(*desk);
  DROVER_CHECK(become_reaper().ok());
  desk->lane().greet(0, kNoNames);
  for (;;) {
    const TakenTask task = desk->next_task();
    Command command;
    DROVER_CHECK(decode_command(task.args, command));
    if (command.argv.front() == "fault")
      FaultyTask(*desk, task, std::move(command)).run();
    else
      run_command_task(*desk, task);
  }
}

}  // namespace
}  // namespace drover

int main(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  if (args.size() == 2 && args[0] == "--keeper")
    return drover::run_keeper({.worker_program = std::string(args[1])});
  if (args.size() == 2 && args[0] == "--worker") return drover::run_worker(args[1]);
  if (args.size() != 1 || args[0] != "--functions") return 2;
  for (const auto& each : drover::registered_functions())
    std::printf("%s%s\n", each.name.c_str(), each.parameters.c_str());
}
