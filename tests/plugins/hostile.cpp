// Functions that end in every way there is, for the tests: they throw, crash, leave, never return, print, and
// damage the memory that their worker shares with the coordinator.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

#include "worker/function.hpp"

namespace {

struct OwnTrouble {};

std::int64_t twice(std::int64_t number) {
  return 2 * number;
}
std::string joined(std::string text, double number, bool flag) {
  return fmt::format("{} {} {}", text, number, flag);
}
void throw_std(std::string text) {
  throw std::out_of_range(text);
}
void throw_own() {
  throw OwnTrouble{};
}
void throw_int() {
  throw 5;
}

void crash() {
  std::signal(SIGSEGV, SIG_DFL);             // a sanitizer would turn it into an exit
  volatile int* volatile nowhere = nullptr;  // or the compiler leaves the store out
  *nowhere = 1;
}
void abort_now() {
  std::abort();
}
void exit_now(int code) {
  std::exit(code);
}

void loop_for_ever() {
  volatile bool stay = true;
  while (stay) {
  }
}
// Tells that it runs, and returns when it is asked to.
std::string until_asked(std::string fifo, drover::Context& context) {
  std::ofstream(fifo) << "up" << std::endl;
  while (!context.stop_requested()) {
  }
  return "asked";
}

void print_much(std::int64_t bytes) {
  const std::string block(1000, 'p');
  for (; bytes >= 1000; bytes -= 1000) std::fwrite(block.data(), 1, block.size(), stdout);
  std::fwrite(block.data(), 1, static_cast<std::size_t>(bytes), stdout);
}
void print_both() {
  std::printf("to stdout\n");
  std::fprintf(stderr, "to stderr\n");
}

// A line that is whole whatever happens: one write with O_APPEND.
void append(const std::string& file, const std::string& line) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  ::close(fd);
}
// Writes when it begins and when it ends, as the commands of the chaos tests do, and tells the FIFO that it
// has begun.
std::int64_t logged(std::string log, std::string ticks, std::int64_t turns, drover::Context& context) {
  const std::string me = fmt::format("{} {}\n", context.task(), context.attempt());
  append(log, "start " + me);
  append(ticks, "\n");
  std::uint64_t state = 1;
  for (std::int64_t i = 0; i < turns; ++i) state = state * 6364136223846793005U + 1442695040888963407U;
  append(log, "end " + me);
  return static_cast<std::int64_t>(state & 1);
}

struct Mapping {
  char* begin = nullptr;
  std::size_t size = 0;
};

// The part of its lane that this worker can write.
Mapping own_lane() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:drover-up") == std::string::npos) continue;
    std::size_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%zx-%zx", &begin, &end) == 2)
      return {reinterpret_cast<char*>(begin), end - begin};
  }
  std::abort();
}

// Overwrites a part of the lane that the seed chooses with bytes that the seed chooses. `then` is what it
// does afterwards: "return" as if nothing had happened, "crash", or "stay" for ever.
std::int64_t damage_lane(std::int64_t seed, std::string then) {
  const Mapping lane = own_lane();
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  const std::size_t header = 512;  // the greeting, the claim word, the counter of outcomes
  const auto scribble = [&](std::size_t within, int times) {
    while (times-- > 0) {
      const std::uint64_t word = random();
      std::memcpy(lane.begin + (random() % (within / 8)) * 8, &word, 8);
    }
  };
  switch (seed % 5) {
    case 0:
      scribble(header, 1);
      break;
    case 1:
      scribble(header, 40);
      break;
    case 2:
      scribble(lane.size, 200);
      break;
    case 3:
      for (std::size_t i = 0; i < lane.size; ++i) lane.begin[i] = static_cast<char>(random());
      break;
    default:
      std::memset(lane.begin, seed % 2 == 0 ? 0 : 0xFF, lane.size);
      break;
  }
  if (then == "crash") crash();
  if (then == "stay") loop_for_ever();
  return seed;
}

pid_t left_child = 0;  // of this worker

void leave_child() {
  left_child = ::fork();
  while (left_child == 0) ::pause();
}
std::string look_for_child() {
  if (left_child == 0) return "another worker";
  return ::kill(left_child, 0) == 0 ? "alive" : "gone";
}

// Forks a child that comes back from the function, by returning or by throwing, before its parent does.
std::string return_twice(std::int64_t printed, std::string how) {
  print_much(printed);
  std::printf("and a line without an end: ");
  const pid_t child = ::fork();
  if (child == 0) {
    if (how == "throw") throw OwnTrouble{};
    return std::string(1 << 20, 'c');
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) std::abort();
  return WIFEXITED(status) ? fmt::format("exit {}", WEXITSTATUS(status))
                           : fmt::format("signal {}", WTERMSIG(status));
}
void abort_after_child(drover::Context& context) {
  if (const pid_t child = ::fork(); child != 0) {
    ::waitpid(child, nullptr, 0);
    std::abort();
  }
  context.progress(1, 2, "not mine");
  ::_exit(0);
}
void list_descriptors() {
  std::fflush(stdout);
  if (std::system("ls -l /proc/self/fd") != 0) std::abort();
}

// In a memory cgroup of the test's, where it is too much.
void use_memory(std::string cgroup, std::int64_t bytes) {
  std::ofstream(cgroup + "/cgroup.procs") << ::getpid() << std::flush;
  std::string much(static_cast<std::size_t>(bytes), 'm');
  asm volatile("" : : "r"(much.data()) : "memory");
}

}  // namespace

DROVER_FUNCTION(twice)
DROVER_FUNCTION(joined)
DROVER_FUNCTION(throw_std)
DROVER_FUNCTION(throw_own)
DROVER_FUNCTION(throw_int)
DROVER_FUNCTION(crash)
DROVER_FUNCTION(abort_now)
DROVER_FUNCTION(exit_now)
DROVER_FUNCTION(loop_for_ever)
DROVER_FUNCTION(until_asked)
DROVER_FUNCTION(print_much)
DROVER_FUNCTION(print_both)
DROVER_FUNCTION(logged)
DROVER_FUNCTION(damage_lane)
DROVER_FUNCTION(leave_child)
DROVER_FUNCTION(look_for_child)
DROVER_FUNCTION(return_twice)
DROVER_FUNCTION(abort_after_child)
DROVER_FUNCTION(list_descriptors)
DROVER_FUNCTION(use_memory)
