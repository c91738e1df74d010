#include "worker/command/pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace drover {

Result<Pipe> Pipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return last_error("pipe2");
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // A command may open /dev/stdout for reading and take what poll has promised us. The two ends have flags of
  // their own: the command's stays as it is.
  if (::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK) != 0) return last_error("fcntl");
  return made;
}

std::size_t Pipe::waiting() const {
  int bytes = 0;
  return ::ioctl(ours.get(), FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace drover
