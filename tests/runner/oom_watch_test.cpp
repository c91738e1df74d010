#include <doctest/doctest.h>

#include "runner/pool/oom_watch.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

std::string counts(int kills, std::size_t before = 0) {
  std::string text = "nr_free_pages 5930000\n";
  while (text.size() < before) text += "nr_something_else 12345\n";
  return text + "pgmigrate_success 7\noom_kill " + std::to_string(kills) + "\nnuma_hit 99\n";
}

}  // namespace

TEST_CASE("a kill for memory is seen once, and those before the watch never") {
  const TestSpace space;
  space.write("vmstat", counts(3));
  OomWatch watch(space.path("vmstat"));
  CHECK_FALSE(watch.killed_since_last_look());
  space.write("vmstat", counts(5));
  CHECK(watch.killed_since_last_look());
  CHECK_FALSE(watch.killed_since_last_look());
  space.write("vmstat", counts(6));
  CHECK(watch.killed_since_last_look());
}

TEST_CASE("the count of kills is found however much stands before it") {
  const TestSpace space;
  space.write("vmstat", counts(0, 100'000));
  OomWatch watch(space.path("vmstat"));
  space.write("vmstat", counts(1, 100'000));
  CHECK(watch.killed_since_last_look());
}

TEST_CASE("where the kernel does not count, nothing was killed for memory") {
  const TestSpace space;
  space.write("vmstat", "nr_free_pages 1\nnot_oom_kill 1\n");
  OomWatch none(space.path("vmstat")), missing(space.path("missing"));
  space.write("vmstat", "nr_free_pages 1\nnot_oom_kill 2\n");
  CHECK_FALSE(none.killed_since_last_look());
  CHECK_FALSE(missing.killed_since_last_look());
}

}  // namespace drover::test
