// The physical limit of running commands: processes that do nothing but clone(CLONE_VM | CLONE_VFORK), exec
// and wait4, without and with the two pipes that capturing needs.
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "tests/bench/helper_process.hpp"
#include "tests/bench/peers.hpp"
#include "tests/bench/pipe.hpp"

namespace drover::bench {
namespace {

constexpr unsigned kLoops = 2;
constexpr unsigned kCommands = 1'000;

struct Start {
  char* const* argv = nullptr;
  int out = -1;  // -1: inherited
  int err = -1;
};

// Runs on a stack of its own in the parent's memory while the parent is suspended: system calls only.
int child_body(void* argument) {
  const Start& start = *static_cast<const Start*>(argument);
  if (start.out >= 0) {
    ::dup2(start.out, STDOUT_FILENO);
    ::dup2(start.err, STDERR_FILENO);
  }
  ::execve(start.argv[0], start.argv, environ);
  ::_exit(127);
}

pid_t start_command(Start start) {
  alignas(64) static std::array<char, 65536> stack;
  const pid_t pid =
      ::clone(child_body, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
  if (pid < 0) throw CannotMeasure(last_error("clone").text());
  return pid;
}

void reap(pid_t pid) {
  int status = 0;
  rusage usage{};
  if (::wait4(pid, &status, 0, &usage) != pid) throw CannotMeasure(last_error("wait4").text());
  if (status != 0) throw CannotMeasure("a command failed");
}

// Reads both to their ends and forgets what came.
void drain(const Pipe& out, const Pipe& err) {
  std::array<pollfd, 2> ends{{{out.reading.get(), POLLIN, 0}, {err.reading.get(), POLLIN, 0}}};
  std::array<char, 4096> buffer;
  for (int open = 2; open > 0;) {
    if (::poll(ends.data(), ends.size(), -1) < 0) throw CannotMeasure(last_error("poll").text());
    for (pollfd& end : ends) {
      if (end.fd < 0 || end.revents == 0 || ::read(end.fd, buffer.data(), buffer.size()) > 0) continue;
      end.fd = -1;
      --open;
    }
  }
}

void run_one(char* const* argv, Capture capture) {
  if (capture == Capture::No) return reap(start_command({argv}));
  Pipe out;
  Pipe err;
  const pid_t pid = start_command({argv, out.writing.get(), err.writing.get()});
  out.writing.reset();
  err.writing.reset();
  drain(out, err);
  reap(pid);
}

std::vector<const char*> words_of(Through through) {
  if (through == Through::Shell) return {"/bin/sh", "-c", "/bin/true \"1\"", nullptr};
  return {"/bin/true", "1", nullptr};
}

}  // namespace

Side bare_loop(Through through, Capture capture) {
  const auto sampler = [=] {
    void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw CannotMeasure(last_error("mmap").text());
    auto& begun = *new (memory) std::atomic<unsigned>(0);
    std::vector<char*> argv;
    for (const char* word : words_of(through)) argv.push_back(const_cast<char*>(word));

    const std::uint64_t begin = now_ns();
    std::vector<HelperProcess> loops;
    for (unsigned loop = 0; loop < kLoops; ++loop) {
      loops.emplace_back([&] {
        while (begun.fetch_add(1, std::memory_order_relaxed) < kCommands) run_one(argv.data(), capture);
      });
    }
    for (HelperProcess& loop : loops) loop.wait_until_ended();
    return Sample{kCommands / (static_cast<double>(now_ns() - begin) / 1e9), 0};
  };
  return {fmt::format("bare vfork loop in 2 processes{}", capture == Capture::Yes ? ", capturing" : ""),
          sampler, ""};
}

}  // namespace drover::bench
