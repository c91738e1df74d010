// What becomes of a command's output: in memory, in a spool file, live, or lost with a word about it.
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/worker/command_fixture.hpp"
#include "worker/command/output_sink.hpp"

using namespace drover;
using namespace drover::command_test;

namespace {

Command print_much(std::uint64_t out, std::uint64_t err) {
  return command({child("print_much"), std::to_string(out), std::to_string(err)});
}

// What print_much prints.
std::string pattern(std::size_t size, char first) {
  std::string bytes(size, first);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(first + static_cast<char>(i % 23));
  return bytes;
}

std::uint64_t status_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1));
  FAIL("no " << field);
  return 0;
}

// A process of its own: its limits are not ours. Returns what `body` returned.
std::string in_a_process(const std::function<std::string()>& body) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string said = body();
    ::_exit(::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said(4096, '\0');
  const ssize_t got = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  said.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  return said;
}

}  // namespace

TEST_CASE("stdout and stderr are kept apart, bytes unchanged") {
  const CommandResult result = run(script("printf 'a\\0b\\377'; printf err >&2"));
  CHECK(result.out.head == std::string("a\0b\xff", 4));
  CHECK(result.err.head == "err");
  CHECK_FALSE(result.out.spool);
  CHECK_FALSE(result.err.spool);
}

TEST_CASE("what fits stays in memory, and one byte more goes to a file whole") {
  const CommandResult result = run(print_much(kCapturedInMemory, kCapturedInMemory + 1));
  CHECK(result.outcome.succeeded());
  CHECK_FALSE(result.out.spool);
  CHECK(result.err.spool);
  CHECK(text_of(result.out) == pattern(kCapturedInMemory, 'a'));
  CHECK(text_of(result.err) == pattern(kCapturedInMemory + 1, 'A'));
}

TEST_CASE("much output on both streams is spooled in order") {
  const CommandResult result = run(print_much(307'200, 2'000'003));
  CHECK(result.outcome.succeeded());
  CHECK(text_of(result.out) == pattern(307'200, 'a'));
  CHECK(text_of(result.err) == pattern(2'000'003, 'A'));
}

TEST_CASE("a spool file has no name and is closed on exec") {
  const CommandResult result = run(print_much(100'000, 0));
  struct stat found;
  REQUIRE(::fstat(result.out.spool.get(), &found) == 0);
  CHECK(found.st_nlink == 0);
  CHECK((::fcntl(result.out.spool.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a spool file is made where the first of the folders for it lets us") {
  const TestFolder folder;
  const char* before = ::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  const auto place = [&](const std::string& wanted) {
    ::setenv("TMPDIR", wanted.c_str(), 1);
    const CommandResult result = run(print_much(100'000, 0));
    const std::string link = "/proc/self/fd/" + std::to_string(result.out.spool.get());
    return std::filesystem::read_symlink(link).string();
  };
  const std::string chosen = place(folder.path()), fallen_back = place(folder.path("nothing"));
  if (before == nullptr)
    ::unsetenv("TMPDIR");
  else
    ::setenv("TMPDIR", kept.c_str(), 1);
  CHECK(chosen.starts_with(folder.path() + "/"));
  CHECK(fallen_back.starts_with("/tmp/"));
}

TEST_CASE("the worker's memory stays the same whatever a command prints") {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const std::uint64_t before = status_kib("VmHWM");
  const CommandResult result = run(print_much(200'000'000, 1'000'000));
  CHECK(result.out.size == 200'000'000);
  CHECK(status_kib("VmHWM") < before + 8 * 1024);
  std::string end(23, '\0');
  REQUIRE(::pread(result.out.spool.get(), end.data(), end.size(), 199'999'977) == 23);
  CHECK(end == pattern(200'000'000 % 23 + 23, 'a').substr(200'000'000 % 23));
}

TEST_CASE("a command ends well when the disk takes no more, and its outcome says how much was lost") {
  // The limit on file sizes stands for a full disk.
  const std::string said = in_a_process([] {
    const rlimit small{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return std::string("setrlimit");
    const CommandResult result = run(print_much(300'000, 10));
    return describe(result.outcome) + " " + std::to_string(result.out.size) + " " +
           std::to_string(result.err.size) + " " + result.outcome.message;
  });
  CHECK(said == "succeeded 100000 10 lost 200000 bytes of stdout: write spool file: File too large");
}

TEST_CASE("without a place for a spool file the beginning is kept, and its outcome says how much was lost") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  const std::string said = in_a_process([&] {
    const TestWorker worker;
    const UniqueFd cue_end(::open(cue.c_str(), O_RDWR | O_CLOEXEC));
    TestControl control;
    control.when_progress = [&] {
      const rlimit few{5, 5};  // as many as poll needs; the worker has more, so it can open none
      REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
      control.request({.go_live = true});  // refused likewise, and no reason to fail
      REQUIRE(::write(cue_end.get(), "go\n", 3) == 3);
    };
    const std::string much = child("print_much") + " " + std::to_string(kCapturedInMemory + 34'464) + " 10";
    const CommandResult result = run_command(script("echo 1/1 >&7; read go < " + cue + "; " + much), control);
    return describe(result.outcome) + " " + std::to_string(result.out.head.size()) + " " +
           std::to_string(result.out.size) + " " + std::to_string(result.err.size) + " " +
           (control.live_out ? "live" : "not live") + " " + result.outcome.message;
  });
  CHECK(
      said ==
      "succeeded 65536 65536 10 not live lost 34464 bytes of stdout: make a file in /var/tmp: Too many open "
      "files");
}

TEST_CASE("live output from the start goes to files that grow while the command runs") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  Command made = script("echo early; cat " + cue + "; echo late; echo err >&2");
  made.live_output = true;
  TestControl control;
  bool cued = false;
  control.when_output = [&] {
    if (cued) return;
    cued = true;
    CHECK(read_at_start(control.live_out.get(), 100) == "early\n");
    std::ofstream(cue) << "cue\n";  // waits until the command reads
  };
  const CommandResult result = run(made, control);
  CHECK(result.outcome.succeeded());
  REQUIRE(control.live_out);
  CHECK(read_at_start(control.live_out.get(), 100) == "early\ncue\nlate\n");
  CHECK(read_at_start(control.live_err.get(), 100) == "err\n");
  CHECK(control.out_sizes.front() == 6);
  CHECK(control.out_sizes.back() == 15);
  CHECK(control.err_sizes.back() == 4);
  CHECK(text_of(result.out) == "early\ncue\nlate\n");
  CHECK(text_of(result.err) == "err\n");
}

TEST_CASE("output that goes live midway begins with what was kept until then") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  TestControl control;
  control.when_progress = [&] { control.request({.go_live = true}); };
  control.when_live = [&] { std::ofstream(cue) << "cue\n"; };
  const CommandResult result = run(script("echo early; echo 1/2 >&7; cat " + cue), control);
  CHECK(result.outcome.succeeded());
  CHECK(control.out_sizes.front() == 6);  // told at once, not when more comes
  CHECK(control.out_sizes.back() == 10);
  CHECK(read_at_start(control.live_out.get(), 100) == "early\ncue\n");
  CHECK(read_at_start(control.live_err.get(), 100).empty());
}

TEST_CASE("the newest bytes of stderr are told while a command runs") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  TestControl control;
  std::string seen;
  control.when_progress = [&] {
    seen = control.last_stderr;
    std::ofstream(cue) << "cue\n";
  };
  const std::string much = "head -c 100000 /dev/zero >&2; echo last words >&2; ";
  CHECK(run(script(much + "echo 1/1 >&7; cat " + cue), control).outcome.succeeded());
  CHECK(seen.ends_with("last words\n"));
  CHECK(seen.size() <= kLastOfStderr);
}

TEST_CASE("a command that closes its output and goes on does not keep the worker busy") {
  TestControl control;
  const CommandResult result = run(command({child("close_output")}), control);
  CHECK(result.outcome.exit_code == 5);
  CHECK(control.waits <= 4);
}

TEST_CASE("nobody waits for a pipe that a command's own child holds") {
  const CommandResult result = run(script("sleep 1000 & echo done"));
  CHECK(result.outcome.succeeded());
  CHECK(result.outcome.left_behind == 1);
  CHECK(result.out.head == "done\n");
}

TEST_CASE("reading never waits, though another reader took what was there; the command's writing may") {
  auto pipe = Pipe::make();
  REQUIRE(pipe.ok());
  REQUIRE((::fcntl(pipe->ours.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(pipe->theirs.get(), F_GETFL) & O_NONBLOCK) == 0);
  OutputSink sink(std::move(*pipe));
  CHECK_FALSE(sink.take());
  REQUIRE(::write(sink.pipe().theirs.get(), "abc", 3) == 3);
  CHECK(sink.take());
  CHECK_FALSE(sink.take());
  CHECK(sink.take_captured().head == "abc");
}
