// Programs that end in the middle of everything: they end as they meant to, and nothing of drover is left.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "tests/e2e/test_space.hpp"

using drover::test::Ran;
using drover::test::TestSpace;

namespace {

// tests/library_programs/leave.cpp
drover::test::Program start_leaving(const TestSpace& space, const std::string& way) {
  const char* const folder = std::getenv("DROVER_CHILDREN");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_CHILDREN names no folder with the programs to test");
  return space.start_program(std::string(folder) + "/library-leave", {space.path("up"), way},
                             {.keep_input_open = true});
}

// With a task that runs for ever.
Ran leave(const TestSpace& space, const std::string& way) {
  auto up = space.fifo("up");
  auto program = start_leaving(space, way);
  CHECK(up.read_line() == "up");
  program.write_input("x");
  Ran ran = program.finish();
  (void)drover::test::wait_until_gone(space.mark(), std::chrono::seconds(10));
  return ran;
}

}  // namespace

TEST_CASE("Coordinators and handles in static storage end with the program, in whatever order") {
  const TestSpace space;
  const Ran ran = space.finish(start_leaving(space, "static"));
  CHECK(ran.exit_code == 0);
  CHECK(ran.err.empty());
}

TEST_CASE("a program that leaves main, or calls exit, while tasks run, ends with its status") {
  for (const char* way : {"return", "exit", "thread", "quick", "abrupt"}) {
    const TestSpace space;
    const Ran ran = leave(space, way);
    CHECK_MESSAGE(ran.exit_code == 7, way << ": " << ran.err);
    CHECK(ran.err.empty());
  }
}

TEST_CASE("a program that an exception ends while tasks run leaves nothing behind") {
  const TestSpace space;
  const Ran ran = leave(space, "throw");
  CHECK(ran.signal == SIGABRT);
  CHECK(ran.err.find("nobody catches this") != std::string::npos);
}
