#include "worker/command/child_image.hpp"

#include <paths.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>

namespace drover {
namespace {

constexpr std::string_view kDefaultPath = "/bin:/usr/bin";  // what execvp takes when there is no PATH
constexpr std::string_view kProgressVariable = "DROVER_PROGRESS_FD";
constexpr char kProgressEntry[] = "DROVER_PROGRESS_FD=7";
static_assert(kProgressFd == 7);

// execve promises to leave the strings alone, though its type does not say so.
char* exec_string(const char* text) {
  return const_cast<char*>(text);
}

std::string_view name_of(const char* entry) {
  const char* equals = std::strchr(entry, '=');
  return equals == nullptr ? std::string_view(entry)
                           : std::string_view(entry, static_cast<std::size_t>(equals - entry));
}

}  // namespace

ChildImage::ChildImage(const Command& command, char* const* base) {
  words_.reserve(command.argv.size() + 2);
  words_.push_back(exec_string(_PATH_BSHELL));
  for (const std::string& word : command.argv) words_.push_back(exec_string(word.c_str()));
  words_.push_back(nullptr);
  add_environment(command, base);
  add_programs(command.argv.front());
}

void ChildImage::add_environment(const Command& command, char* const* base) {
  // Sorted by name, and by place among equals: the last of each name counts.
  std::vector<std::uint32_t> order(command.env.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto name_at = [&](std::uint32_t at) -> const std::string& { return command.env[at].first; };
  std::stable_sort(order.begin(), order.end(),
                   [&](auto one, auto other) { return name_at(one) < name_at(other); });
  const auto is_set_above = [&](std::string_view name) {
    const auto found =
        std::lower_bound(order.begin(), order.end(), name,
                         [&](auto at, std::string_view wanted) { return name_at(at) < wanted; });
    return (found != order.end() && name_at(*found) == name) || name == kProgressVariable;
  };

  for (; base != nullptr && *base != nullptr; ++base)
    if (!is_set_above(name_of(*base))) environment_.push_back(*base);
  variables_.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool is_last = i + 1 == order.size() || name_at(order[i]) != name_at(order[i + 1]);
    const auto& [name, value] = command.env[order[i]];
    if (!is_last || name == kProgressVariable) continue;
    std::string& entry = variables_.emplace_back();
    entry.reserve(name.size() + 1 + value.size());
    entry.append(name).append(1, '=').append(value);
    environment_.push_back(entry.data());
  }
  environment_.push_back(exec_string(kProgressEntry));
  environment_.push_back(nullptr);
}

void ChildImage::add_programs(const std::string& name) {
  if (name.find('/') != std::string::npos || name.empty()) {
    programs_ = {name.c_str(), nullptr};
    return;
  }
  std::string_view path = kDefaultPath;
  for (const char* entry : environment_)
    if (entry != nullptr && std::strncmp(entry, "PATH=", 5) == 0) path = entry + 5;
  for (;;) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    std::string& program = paths_.emplace_back(folder.empty() ? "." : folder);
    program.append(1, '/').append(name);
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  programs_.reserve(paths_.size() + 1);
  for (const std::string& program : paths_) programs_.push_back(program.c_str());
  programs_.push_back(nullptr);
}

std::size_t ChildImage::bytes() const {
  std::size_t total = 0;
  for (const auto* list : {&words_, &environment_})
    for (const char* text : *list) total += sizeof text + (text == nullptr ? 0 : std::strlen(text) + 1);
  return total;
}

}  // namespace drover
