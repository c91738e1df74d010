#include "common/own_children.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

#include "common/unique_fd.hpp"

namespace drover {
namespace {

std::optional<std::string> read_whole(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  char chunk[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
  }
}

// The number at the front, which is taken off.
std::optional<pid_t> take_number(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  pid_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// "PID (NAME) STATE PARENT ...", where NAME may hold anything.
std::optional<pid_t> parent_of(const std::string& pid) {
  const auto stat = read_whole("/proc/" + pid + "/stat");
  if (!stat) return std::nullopt;
  const std::size_t after_name = stat->rfind(") ");
  if (after_name == std::string::npos || after_name + 3 >= stat->size()) return std::nullopt;
  std::string_view rest = std::string_view(*stat).substr(after_name + 3);
  return take_number(rest);
}

// For kernels without CONFIG_PROC_CHILDREN.
std::vector<pid_t> children_by_scan() {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (!proc) return children;
  while (const dirent* entry = ::readdir(proc.get())) {
    std::string_view name = entry->d_name;
    const auto pid = take_number(name);
    if (pid && name.empty() && parent_of(entry->d_name) == ::getpid()) children.push_back(*pid);
  }
  return children;
}

}  // namespace

std::vector<pid_t> own_children() {
  const auto list = read_whole("/proc/thread-self/children");
  if (!list) return children_by_scan();
  std::vector<pid_t> children;
  std::string_view rest = *list;
  while (const auto pid = take_number(rest)) children.push_back(*pid);
  return children;
}

std::string process_label(pid_t pid) {
  std::string label = std::to_string(pid);
  auto name = read_whole("/proc/" + label + "/comm");
  if (!name) return label;
  while (!name->empty() && name->back() == '\n') name->pop_back();
  return label + " (" + *name + ")";
}

}  // namespace drover
