// The least that a round trip between two processes can cost: one kernel wake each way (eventfd, pipe), or
// one cache line each way when both sides poll.
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <new>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/helper_process.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/peers.hpp"
#include "tests/bench/pipe.hpp"
#include "tests/bench/trips.hpp"

namespace drover::bench {
namespace {

// Times trip() with this process and a partner, which repeats echo() until it is killed, each on its CPU.
template <class Echo, class Trip>
Sample ping_pong(int here, int there, Echo echo, Trip trip) {
  const HelperProcess partner([&] {
    if (there >= 0) pin_to(there);
    while (true) echo();
  });
  if (here >= 0) pin_to(here);
  return sample_of(time_trips(trip));
}

template <class Buffer>
void write_all(int fd, const Buffer& buffer) {
  if (::write(fd, &buffer, sizeof buffer) != ssize_t{sizeof buffer})
    throw CannotMeasure(last_error("write").text());
}

template <class Buffer>
void read_all(int fd, Buffer& buffer) {
  if (::read(fd, &buffer, sizeof buffer) != ssize_t{sizeof buffer})
    throw CannotMeasure(last_error("read").text());
}

UniqueFd make_eventfd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
  if (!fd) throw CannotMeasure(last_error("eventfd").text());
  return fd;
}

// Each line has one writer; they lie apart so that neither write disturbs the other's polling.
struct Lines {
  alignas(64) std::atomic<std::uint32_t> forth{0};
  alignas(64) std::atomic<std::uint32_t> back{0};
};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Side eventfd_round_trip(int here, int there) {
  const auto sampler = [=] {
    const UniqueFd forth = make_eventfd();
    const UniqueFd back = make_eventfd();
    std::uint64_t count = 1;
    const auto pass = [&](int from, int to) {
      read_all(from, count);
      write_all(to, count);
    };
    return ping_pong(
        here, there, [&] { pass(forth.get(), back.get()); },
        [&] {
          write_all(forth.get(), count);
          read_all(back.get(), count);
        });
  };
  return {"eventfd ping-pong", sampler, ""};
}

Side pipe_round_trip(int here, int there) {
  const auto sampler = [=] {
    const Pipe forth;
    const Pipe back;
    std::array<char, 64> message{};
    return ping_pong(
        here, there,
        [&] {
          read_all(forth.reading.get(), message);
          write_all(back.writing.get(), message);
        },
        [&] {
          write_all(forth.writing.get(), message);
          read_all(back.reading.get(), message);
        });
  };
  return {"pipe ping-pong, 64 bytes", sampler, ""};
}

Side spinning_round_trip(int here, int there) {
  const auto sampler = [=] {
    void* memory = ::mmap(nullptr, sizeof(Lines), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw CannotMeasure(last_error("mmap").text());
    Lines& lines = *new (memory) Lines;  // the sample's process ends with it
    std::uint32_t answered = 0;
    std::uint32_t asked = 0;
    return ping_pong(
        here, there,
        [&] {
          while (lines.forth.load(std::memory_order_acquire) == answered) relax();
          lines.back.store(++answered, std::memory_order_release);
        },
        [&] {
          lines.forth.store(++asked, std::memory_order_release);
          while (lines.back.load(std::memory_order_acquire) != asked) relax();
        });
  };
  return {"one cache line, polled", sampler, ""};
}

}  // namespace drover::bench
