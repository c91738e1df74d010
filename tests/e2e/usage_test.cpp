// Wrong command lines: exit status 2, a sentence, and nothing is run.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("a wrong option or value ends with 2, names it, and runs nothing") {
  const TestSpace space;
  const std::vector<std::vector<std::string>> wrong{{"run", "--no-such-option", "-"},
                                                    {"run", "-j", "many", "-"},
                                                    {"run", "-j", "0", "-"},
                                                    {"run", "--timeout", "soon", "-"},
                                                    {"run", "--halt", "now,maybe", "-"},
                                                    {"run", "--output", "loud", "-"},
                                                    {"run", "--retries", "-1", "-"},
                                                    {"run", "--plugin", "missing.so", "-"}};
  for (const auto& args : wrong) {
    CAPTURE(args[1]);
    const Ran ran = space.run(args, {.input = lines({"touch started"})});
    CHECK(ran.exit_code == 2);
    CHECK(ran.err.starts_with("drover: "));
    CHECK_FALSE(space.exists("started"));
  }
}

TEST_CASE("a job file that cannot be read ends with 2 and is named") {
  const TestSpace space;
  const Ran ran = space.run({"run", "missing.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("missing.toml: No such file or directory"));
}

TEST_CASE("without a verb there is help") {
  const TestSpace space;
  const Ran ran = space.run({});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("--help"));
}

TEST_CASE("--help shows an example and ends with 0") {
  const TestSpace space;
  for (const auto& args : {std::vector<std::string>{"--help"}, std::vector<std::string>{"run", "--help"}}) {
    const Ran ran = space.run(args);
    CHECK(ran.out == Has("Example"));
    CHECK(ran.exit_code == 0);
  }
}

TEST_CASE("a wrong line ends the reading of a list; what came before runs, and the status is 1") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-"}, {.input = std::string("echo before\necho \0\necho after\n", 28)});
  CHECK(ran.out == "before\n");
  CHECK(ran.err == Has("drover: -:2:6: "));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a drover without its worker program says so and ends with 3") {
  const TestSpace space;
  std::filesystem::copy_file(std::string(::getenv("DROVER_BIN")) + "/drover", space.path("drover"));
  const Ran ran =
      space.start_program(space.path("drover"), {"run", "-"}, {.input = lines({"true"})}).finish();
  CHECK(ran.exit_code == 3);
  CHECK(ran.err == Has("drover-worker"));
}

}  // namespace drover::test
