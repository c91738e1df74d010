// For programs that embed drover and check by themselves what it does to them.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace drover::test {

// Ends the program, as one that has found something wrong: without destructors, and heard on stderr.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::_Exit(1);
}

}  // namespace drover::test
