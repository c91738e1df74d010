// What execve needs: words, environment, and the places where the program may be. Built before the child
// exists, which may not allocate. Knows nothing of processes.
#pragma once

#include <string>
#include <vector>

#include "common/command.hpp"

namespace drover {

// The descriptor under which a command finds its progress pipe. One digit, as sh has no other in `>&7`; not
// 3, which scripts take first for themselves.
inline constexpr int kProgressFd = 7;

class ChildImage {
 public:
  // The environment is `base` with the command's on top. Both arguments must outlive this.
  ChildImage(const Command& command, char* const* base);

  // {"/bin/sh", argv...}: from the second on, the command's own words. For a script without `#!` the child
  // writes its path over the second and executes the whole.
  [[nodiscard]] char** words() { return words_.data(); }
  [[nodiscard]] char* const* environment() const { return environment_.data(); }
  // To be tried in this order; null-terminated.
  [[nodiscard]] const char* const* programs() const { return programs_.data(); }
  // Of all words and variables, as the system counts them against its limit.
  [[nodiscard]] std::size_t bytes() const;

 private:
  void add_environment(const Command& command, char* const* base);
  void add_programs(const std::string& name);

  std::vector<char*> words_;
  std::vector<char*> environment_;
  std::vector<const char*> programs_;
  std::vector<std::string> variables_;
  std::vector<std::string> paths_;
};

}  // namespace drover
