// Which children does this single-threaded process have right now, those that have ended and wait to be
// reaped included. The list is exact as long as only the caller reaps: a child that appears while it is read
// is added at its end, and one that has ended stays in it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace drover {

[[nodiscard]] std::vector<pid_t> own_children();

// "1234 (tar)"; "1234" when its name is not to be had.
[[nodiscard]] std::string process_label(pid_t pid);

}  // namespace drover
