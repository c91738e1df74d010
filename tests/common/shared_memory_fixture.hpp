// What is sent to a worker, and found there, without one.
#pragma once

#include <drover/codec.hpp>
#include <drover/detail/arguments.hpp>
#include <drover/detail/shared_segment.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace drover::test {

// Runs `code` in a forked child; its exit code, or minus the signal that ended it: SIGABRT if it throws.
inline int in_child(const std::function<int()>& code) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rlimit none{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &none);
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it
    [&]() noexcept { ::_exit(code()); }();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// Arguments that were encoded here, and what a worker's decoder finds: other mappings of the same memory.
struct Sent {
  struct Finder final : detail::SegmentFinder {
    explicit Finder(const std::vector<std::shared_ptr<detail::SharedSegment>>& segments) : sent(segments) {}
    std::shared_ptr<detail::SharedSegment> find(std::uint64_t id) override {
      for (const auto& each : sent)
        if (each->id() == id)
          return detail::SharedSegment::adopt(id, ::fcntl(each->fd(), F_DUPFD_CLOEXEC, 0), each->size(),
                                              each->writable());
      throw DecodeError("not sent");
    }
    const std::vector<std::shared_ptr<detail::SharedSegment>>& sent;
  };

  // As submit does it for a function's parameter Param.
  template <class Param, class Arg>
  void encode(const Arg& argument) {
    Encoder encoder(bytes, &segments);
    detail::encode_argument<Param>(encoder, argument);
  }
  Decoder decoder() { return Decoder(bytes.view(), &finder); }

  detail::SmallBuffer bytes;
  std::vector<std::shared_ptr<detail::SharedSegment>> segments;
  Finder finder{segments};
};

// How many descriptors this process has, and how many mappings of shared arrays.
struct Footprint {
  Footprint() {
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
      ++descriptors;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
      if (line.find("drover-shared") != std::string::npos) ++mappings;
  }
  int descriptors = 0, mappings = 0;
};

}  // namespace drover::test
