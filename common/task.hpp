// A task as its author wrote it: what to do, after what, and by which policy. Knows nothing of attempts or
// workers.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/command.hpp"
#include "common/ids.hpp"
#include "common/value.hpp"

namespace drover {

enum class TaskKind : std::uint8_t { Command = 1, Function = 2 };

struct TaskSpec {
  std::string name;  // as written; empty: shown as #SEQ
  TaskKind kind = TaskKind::Command;
  std::vector<std::string> argv;  // Command: what is executed (for a shell: {"/bin/sh", "-c", text})
  std::string text;               // Command: as the author wrote it, for people and --dry-run
  std::string function;           // Function: the registered name
  std::vector<Value> args;        // Function
  std::vector<TaskId> after;      // earlier or later tasks that must succeed first
  std::vector<std::pair<std::string, std::string>> env;
  std::string cwd;
  StdinKind stdin_kind = StdinKind::Null;
  std::string stdin_value;
  std::optional<Duration> timeout;  // unset: the run's default; zero: none
  std::optional<Duration> grace;
  std::optional<std::uint32_t> retries;  // further attempts after the first

  [[nodiscard]] std::string shown_name(TaskId id) const {
    return name.empty() ? "#" + std::to_string(id) : name;
  }
};

}  // namespace drover
