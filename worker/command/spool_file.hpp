// A file without a name for what a command printed: gone with its last descriptor, whatever dies.
#pragma once

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace drover {

// In $TMPDIR, /tmp or /var/tmp, whichever lets us first; close-on-exec. The error is that of the last one.
Result<UniqueFd> make_spool_file();

}  // namespace drover
