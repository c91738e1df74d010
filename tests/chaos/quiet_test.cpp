// Who waits does nothing: no timer, no poll.
#include <sys/timerfd.h>

#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

// The one thing that this test waits for by time: that nothing happens meanwhile.
void let_time_pass(std::chrono::milliseconds time) {
  const UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  REQUIRE(timer);
  itimerspec once{};
  once.it_value.tv_nsec = std::chrono::nanoseconds(time).count();
  REQUIRE(::timerfd_settime(timer.get(), 0, &once, nullptr) == 0);
  pollfd expired{.fd = timer.get(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&expired, 1, -1) == 1);
}

std::vector<CpuUse> use_of_all(pid_t coordinator) {
  std::vector<CpuUse> use{cpu_use(coordinator), cpu_use(keeper_of(coordinator))};
  for (const pid_t worker : workers_of(coordinator)) use.push_back(cpu_use(worker));
  return use;
}

}  // namespace

TEST_CASE("coordinator, keeper and workers that wait for a command use no processor time and do not wake") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  Program program = space.start({"run", "-j", "2", "--progress", "none", "-"},
                                {.input = lines({"echo >up; read x <go", "true"})});
  up.read_line();
  let_time_pass(std::chrono::milliseconds(300));  // the other task ends, and all come to rest
  const auto before = use_of_all(program.pid());
  let_time_pass(std::chrono::milliseconds(300));
  const auto after = use_of_all(program.pid());
  REQUIRE(before.size() >= 3);
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CAPTURE(i);
    CHECK(after[i].ticks == before[i].ticks);
    CHECK(after[i].switches == before[i].switches);
  }
  go.write_line();
  CHECK(space.finish(std::move(program)).exit_code == 0);
}

TEST_CASE("a coordinator that waits for more input does not wake") {
  const TestSpace space;
  Program program =
      space.start({"run", "--progress", "none", "-"}, {.input = "echo first\n", .keep_input_open = true});
  program.wait_for_out("first\n");
  let_time_pass(std::chrono::milliseconds(300));
  const CpuUse before = cpu_use(program.pid());
  let_time_pass(std::chrono::milliseconds(300));
  CHECK(cpu_use(program.pid()) == before);
  CHECK(space.finish(std::move(program)).exit_code == 0);
}

}  // namespace drover::test
