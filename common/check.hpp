// A promise that drover makes to itself. A broken one is a bug of drover: say where and abort.
#pragma once

#include <cstdio>
#include <cstdlib>

#define DROVER_CHECK(condition)                                                                           \
  do {                                                                                                    \
    if (!(condition)) [[unlikely]] {                                                                      \
      std::fprintf(stderr, "drover: %s:%d: broken promise: %s; please report this\n", __FILE__, __LINE__, \
                   #condition);                                                                           \
      std::abort();                                                                                       \
    }                                                                                                     \
  } while (false)
