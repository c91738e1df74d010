// A command as it travels from the coordinator to a command worker: everything that the worker needs to start
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"

namespace drover {

enum class StdinKind : std::uint8_t { Null, File, Text };

struct Command {
  // Never empty. argv[0] without a slash is searched in the PATH that the task will see.
  std::vector<std::string> argv;
  // Set over the worker's own environment, later ones win. DROVER_* are here too, except DROVER_PROGRESS_FD.
  std::vector<std::pair<std::string, std::string>> env;
  std::string cwd;  // empty: the worker's own, which is the coordinator's
  StdinKind stdin_kind = StdinKind::Null;
  std::string stdin_value;                    // the path, or the text
  Duration timeout{0};                        // counted from exec; 0: none
  Duration grace = std::chrono::seconds(10);  // between SIGTERM and SIGKILL
  bool live_output = false;                   // begin with live output (see worker/command)
};

[[nodiscard]] std::string encode_command(const Command& command);
// False when the bytes are no command; `command` is then unspecified.
[[nodiscard]] bool decode_command(std::string_view bytes, Command& command);

}  // namespace drover
