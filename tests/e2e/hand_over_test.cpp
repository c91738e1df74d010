// What travels beside the lane reaches its task, in whatever order coordinator and worker get to it.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

// Once they were lost when a command ended before the coordinator had looked at the worker's socket.
TEST_CASE("with --output line no line of thousands of short commands is lost") {
  const TestSpace space;
  std::string list, expected;
  for (int i = 1; i <= 3000; ++i) {
    list += "echo " + std::to_string(i) + "\n";
    expected += std::to_string(i) + "\n";
  }
  const Ran ran = space.run({"run", "--output", "line", "-k", "-"}, {.input = list});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out == expected);
  const Ran mixed = space.run({"run", "--output", "line", "-"}, {.input = list});
  CHECK(mixed.out.size() == expected.size());
}

// Once a worker read them while it did something else, threw them away, and waited for them for ever.
TEST_CASE("large arguments of commands that are queued behind short ones reach them") {
  const TestSpace space;
  std::string job = "workers = 1\n", expected;
  for (int i = 0; i < 60; ++i) job += "[[task]]\ncommand = [\"true\"]\n";
  for (int i = 0; i < 40; ++i) {
    const int size = 20'000 + i;
    job += "[[task]]\ncommand = [\"wc\", \"-c\"]\nstdin = { text = \"" +
           std::string(static_cast<std::size_t>(size), 'x') + "\" }\n";
    expected += std::to_string(size) + "\n";
  }
  space.write("job.toml", job);
  const Ran ran = space.run({"run", "-k", "job.toml"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out == expected);
}

}  // namespace drover::test
