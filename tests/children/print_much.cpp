// print_much OUT ERR: prints so many bytes to stdout and to stderr, by turns. Byte i is the small letter
// i % 23 of the alphabet on stdout, the capital one on stderr.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace {

constexpr long kChunk = 23 * 1024;

struct Stream {
  int fd;
  char first;
  long left;
  char chunk[kChunk];

  void prepare() {
    for (long i = 0; i < kChunk; ++i) chunk[i] = static_cast<char>(first + i % 23);
  }
  // A whole chunk, so the pattern goes on from chunk to chunk.
  bool print_some() {
    const long most = std::min(left, kChunk);
    for (long put = 0; put < most;) {
      const ssize_t more = ::write(fd, chunk + put, static_cast<std::size_t>(most - put));
      if (more <= 0) return false;
      put += more;
    }
    left -= most;
    return true;
  }
};

Stream out{STDOUT_FILENO, 'a', 0, {}}, err{STDERR_FILENO, 'A', 0, {}};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  out.left = std::atol(argv[1]);
  err.left = std::atol(argv[2]);
  out.prepare();
  err.prepare();
  while (out.left + err.left > 0)
    if (!out.print_some() || !err.print_some()) return 1;
  return 0;
}
