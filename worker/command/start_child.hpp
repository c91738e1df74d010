// Starts a command's process: own session, its descriptors and no other, default for what we catch, and the
// death of this process kills it. Knows nothing of what it prints or how it ends.
#pragma once

#include <sys/types.h>

#include <optional>

#include "common/unique_fd.hpp"
#include "worker/command/child_image.hpp"

namespace drover {

// Where the start was refused.
enum class StartStep : int { None, Clone, Session, Parent, Descriptors, Folder, Exec };

struct Refusal {
  StartStep step = StartStep::None;
  int code = 0;  // errno
};

// The child's ends; they stay open here.
struct ChildEnds {
  int in, out, err, progress;
};

struct StartedChild {
  pid_t pid = -1;  // leader of its own session and process group; ours to reap
  UniqueFd pidfd;
  Refusal refusal;  // when there is one, no child is left
};

// Blocks until exec has happened or was refused. `folder` empty: ours. The thread that calls must live as
// long as the child may.
[[nodiscard]] StartedChild start_child(ChildImage& image, const std::string& folder, const ChildEnds& ends);

// What refused the last start, asked when the child has ended: valgrind and emulators make the clone a plain
// fork, which returns before exec.
[[nodiscard]] Refusal late_refusal();

}  // namespace drover
