// Functions that fork: a child is neither its worker nor the worker's task.
#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("a child that a function leaves outlives its task, and is gone with its worker") {
  const TestSpace space;
  FunctionJob job;
  job.add("leave", "leave_child");
  job.add("look", "look_for_child");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k", "-j", "1"}));
  CHECK(ran.out == "alive\n");
  CHECK(ran.err == Has("2 tasks: 2 succeeded"));
}

TEST_CASE("a forked child that comes back from its function ends, and hands nothing in") {
  const TestSpace space;
  FunctionJob job;
  // In memory and spooled; the child's result would be too large for the lane.
  job.add("returns", "return_twice", "10, \"return\"");
  job.add("throws", "return_twice", "10, \"throw\"");
  job.add("spooled", "return_twice", "200000, \"return\"");
  job.add("spooled, throws", "return_twice", "200000, \"throw\"");
  job.add("next", "twice", "21");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k", "-j", "1"}));
  const auto told = [](int printed, const std::string& word) {
    return std::string(static_cast<std::size_t>(printed), 'p') + "and a line without an end: " + word + "\n";
  };
  CHECK((ran.out == told(10, "exit 0") + told(10, "exit 1") + told(200'000, "exit 0") +
                        told(200'000, "exit 1") + "42\n"));
  CHECK(ran.err == Has("drover: 5 tasks: 5 succeeded in "));
  CHECK(ran.err != Has("lost"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a forked child cannot speak for its parent: the lane is not in its memory") {
  const TestSpace space;
  FunctionJob job;
  job.add("abort", "abort_after_child");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({}));
  CHECK(ran.err == Has("task abort worker lost (SIGABRT)"));
  CHECK(ran.err != Has("not mine"));
}

TEST_CASE("a program that a function starts gets none of drover's descriptors") {
  const TestSpace space;
  FunctionJob job;
  job.add("list", "list_descriptors");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({}));
  CHECK(ran.out == Has(" 2 -> "));
  CHECK(ran.out != Has("eventfd"));
  CHECK(ran.out != Has("socket:"));
}

}  // namespace drover::test
