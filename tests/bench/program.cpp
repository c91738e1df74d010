#include "tests/bench/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/guarded.hpp"

namespace drover::bench {
namespace {

UniqueFd must(int fd, const char* call, const std::string& object) {
  if (fd < 0) throw CannotMeasure(last_error(call, object).text());
  return UniqueFd(fd);
}

UniqueFd open_file(const std::string& path, int flags) {
  return must(::open(path.c_str(), flags | O_CLOEXEC), "open", path);
}

std::string first_line(int fd) {
  std::array<char, 256> buffer{};
  const ssize_t size = ::pread(fd, buffer.data(), buffer.size(), 0);
  const std::string text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.substr(0, text.find('\n'));
}

// Reaps it and returns its wait status.
int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw CannotMeasure(last_error("waitpid").text());
  }
  return status;
}

std::string status_text(int status) {
  if (WIFSIGNALED(status)) return fmt::format("died of signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

WorkFolder::WorkFolder() : owner_(::getpid()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "drover-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw CannotMeasure(last_error("mkdtemp", pattern).text());
  path_ = pattern;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  if (::getpid() == owner_) std::filesystem::remove_all(path_, ignored);
}

std::string WorkFolder::write(const std::string& name, std::string_view content) const {
  const std::filesystem::path file = path_ / name;
  std::error_code refused;
  std::filesystem::create_directories(file.parent_path(), refused);
  std::ofstream out(file, std::ios::binary);
  out << content << std::flush;
  if (!out) throw CannotMeasure("cannot write " + file.string());
  return file.string();
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string path = std::string(rest.substr(0, colon)) + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return "";
}

std::string version_of(const std::string& program) {
  const UniqueFd in = open_file("/dev/null", O_RDONLY);
  const UniqueFd null = open_file("/dev/null", O_WRONLY);
  const UniqueFd out = must(::memfd_create("version", MFD_CLOEXEC), "memfd_create", "");
  try {
    (void)wait_for(start_program({program, "--version"}, in.get(), out.get(), null.get()));
  } catch (const CannotMeasure&) {
    return "";
  }
  return first_line(out.get());
}

pid_t start_program(const std::vector<std::string>& argv, int in, int out, int err) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t pid = -1;
  const int refused = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (refused != 0) throw CannotMeasure(Error{"start", argv[0], refused}.text());
  return pid;
}

double seconds_of(const ProgramRun& run) {
  const UniqueFd in = open_file(run.stdin_path, O_RDONLY);
  const UniqueFd out = open_file("/dev/null", O_WRONLY);
  const UniqueFd err = must(::memfd_create("stderr", MFD_CLOEXEC), "memfd_create", "");
  const std::uint64_t begin = now_ns();
  const int status = wait_for(start_program(run.argv, in.get(), out.get(), err.get()));
  const std::uint64_t end = now_ns();
  if (status != 0) throw CannotMeasure(status_text(status) + ": " + first_line(err.get()));
  return static_cast<double>(end - begin) / 1e9;
}

}  // namespace drover::bench
