// How a command ended, or why it could not start, in the words of an Outcome. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/command.hpp"
#include "common/outcome.hpp"
#include "worker/command/start_child.hpp"
#include "worker/command/stop_ladder.hpp"

namespace drover {

// Kind, exit code and signal of what ended with this status of wait4, and was stopped for this reason.
[[nodiscard]] Outcome outcome_of(int wait_status, StopReason reason);

// Exit code 127 when the program was not found, 126 for everything else.
[[nodiscard]] Outcome could_not_start(const Command& command, const ChildImage& image, Refusal refusal);
// For what was refused before there was a child.
[[nodiscard]] Outcome could_not_start(std::string_view why);

// Adds to an outcome's message, which stays one line whatever names are in the note.
void add_note(Outcome& outcome, std::string_view note);

}  // namespace drover
