#include "tests/bench/stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/helper_process.hpp"
#include "tests/bench/pipe.hpp"

namespace drover::bench {
namespace {

constexpr unsigned kOffered = 1'000'000;
constexpr unsigned kSeen = 2'000;

// As fast as it is read: a program that reads ahead without bound shows it in its memory.
void feed(int fd, const std::string& line) {
  std::string block;
  constexpr unsigned kLinesABlock = 500;
  for (unsigned each = 0; each < kLinesABlock; ++each) block += line;
  for (unsigned lines = 0; lines < kOffered; lines += kLinesABlock) {
    for (std::size_t done = 0; done < block.size();) {
      const ssize_t written = ::write(fd, block.data() + done, block.size() - done);
      if (written <= 0) return;
      done += static_cast<std::size_t>(written);
    }
  }
}

// Returns the number of lines read; 0 at the end.
unsigned read_lines(int fd) {
  std::array<char, 4096> buffer;
  unsigned lines = 0;
  while (lines == 0) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) return 0;
    lines = static_cast<unsigned>(std::count(buffer.begin(), buffer.begin() + size, '\n'));
  }
  return lines;
}

// VmHWM of a living process. Not ru_maxrss of a dead one: that counts this program's memory too, which it had
// between fork and exec.
double peak_mib(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string word; file >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && file >> kib) return kib / 1024;
  }
  throw CannotMeasure("it has no VmHWM");
}

// Ends it as a user would and waits until nothing of it is left to disturb the next sample. Its output is
// read to the end, as it may have more to say than a pipe holds.
void stop(pid_t pid, int output) {
  ::kill(pid, SIGTERM);
  while (read_lines(output) > 0) {
  }
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

Sample probe_stream(const std::vector<std::string>& argv, const std::string& input, Probe probe) {
  Pipe in;
  Pipe out;
  const UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const std::uint64_t begin = now_ns();
  const pid_t pid = start_program(argv, in.reading.get(), out.writing.get(), null.get());
  in.reading.reset();
  out.writing.reset();
  const HelperProcess feeder([&] {
    out.reading.reset();
    feed(in.writing.get(), input);
  });
  in.writing.reset();

  const unsigned wanted = probe == Probe::FirstOutput ? 1 : kSeen;
  for (unsigned seen = 0; seen < wanted;) {
    const unsigned lines = read_lines(out.reading.get());
    if (lines == 0) throw CannotMeasure(fmt::format("its output ended after {} lines", seen));
    seen += lines;
  }
  const double first_ms = static_cast<double>(now_ns() - begin) / 1e6;
  const Sample sample{probe == Probe::FirstOutput ? first_ms : peak_mib(pid), 0};
  stop(pid, out.reading.get());
  return sample;
}

Side xargs_stream(Probe probe) {
  const std::string program = find_program("xargs");
  if (program.empty()) return {"xargs -P2 -n1", nullptr, "not installed"};
  const auto sampler = [=] { return probe_stream({program, "-P2", "-n1", "/bin/echo"}, "1\n", probe); };
  return {"xargs -P2 -n1", sampler, ""};
}

}  // namespace drover::bench
