// A pipe whose ends close themselves.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/guarded.hpp"

namespace drover::bench {

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;

  // Both ends close on exec. Throws CannotMeasure.
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw CannotMeasure(last_error("pipe2").text());
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
};

}  // namespace drover::bench
