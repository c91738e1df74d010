// C++ functions as tasks, also those that end badly.
#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"
#include "tests/sanitized.hpp"

namespace drover::test {

TEST_CASE("a function's result is its output, next to commands") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
name = "primes"
function = "count_primes"
args = [1, 1000000]
[[task]]
command = "echo and a command"
after = "primes"
)");
  const Ran ran = space.run({"run", "-k", "--tag", "job.toml"});
  CHECK(ran.out == "primes\t78498\n#2\tand a command\n");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("an unknown function is an error with a suggestion, and nothing is started") {
  const TestSpace space;
  space.write("job.toml", "[[task]]\ncommand = \"touch started\"\n[[task]]\nfunction = \"count_prime\"\n");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err ==
        Has("drover: job.toml:4:12: unknown function \"count_prime\"; did you mean \"count_primes\"?"));
  CHECK_FALSE(space.exists("started"));
}

TEST_CASE("arguments travel to the functions of a plugin, and those that do not fit are told") {
  const TestSpace space;
  FunctionJob job;
  job.add("good", "joined", "\"words with \\\"quotes\\\"\", 2.5, true");
  job.add("few", "joined", "\"a\"");
  job.add("wrong", "twice", "\"text\"");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k"}));
  CHECK(ran.out == "words with \"quotes\" 2.5 true\n");
  CHECK(ran.err == Has("task few failed (exception)"));
  CHECK(ran.err == Has("takes 3 arguments, got 1"));
  CHECK(ran.err == Has("task wrong failed (exception)"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("what a function throws is told with its type and words, and the run goes on") {
  const TestSpace space;
  FunctionJob job;
  job.add("std", "throw_std", "\"beyond\\nthe end\"");
  job.add("own", "throw_own");
  job.add("int", "throw_int");
  job.add("after", "twice", "21");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k", "-j", "1"}));
  CHECK(ran.out == "42\n");
  CHECK(ran.err == Has("task std failed (exception)"));
  CHECK(ran.err == Has("std::out_of_range: beyond the end"));
  CHECK(ran.err == Has("OwnTrouble"));
  CHECK(ran.err == Has("int: 5"));
  CHECK(ran.err == Has("4 tasks: 1 succeeded, 3 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("functions that take their worker with them cost nobody else anything") {
  const TestSpace space;
  FunctionJob job;
  for (int i = 0; i < 10; ++i) {
    const std::string number = std::to_string(i);
    job.add("before " + number, "twice", number);
    job.add("crash " + number, "crash");
    job.add("abort " + number, "abort_now");
    job.add("exit " + number, "exit_now", "0");
    job.add("after " + number, "twice", number);
  }
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k", "--tag"}));
  std::string expected;
  for (int i = 0; i < 10; ++i)
    expected += "before " + std::to_string(i) + "\t" + std::to_string(2 * i) + "\nafter " +
                std::to_string(i) + "\t" + std::to_string(2 * i) + "\n";
  CHECK(ran.out == expected);
  CHECK(ran.err == Has(kSanitized ? "task crash 3 worker lost" : "task crash 3 worker lost (SIGSEGV)"));
  CHECK(ran.err == Has("task abort 3 worker lost (SIGABRT)"));
  CHECK(ran.err == Has("task exit 3 worker lost"));
  CHECK(ran.err == Has("50 tasks: 20 succeeded, 30 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a function that never returns is timed out, and what waited behind it is not charged") {
  const TestSpace space;
  FunctionJob job;
  job.add("loop", "loop_for_ever", "", "timeout = \"300ms\"\ngrace = \"100ms\"");
  for (int i = 0; i < 100; ++i) job.add("short " + std::to_string(i), "twice", std::to_string(i));
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-j", "2"}));
  CHECK(ran.err == Has("task loop timed out"));
  CHECK(ran.err == Has("101 tasks: 100 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a function is asked to stop before it is ended by force") {
  const TestSpace space;
  Fifo up = space.fifo("up");
  FunctionJob job;
  job.add("polite", "until_asked", "\"up\"");
  space.write("job.toml", job.text());
  Program program = space.start(with_plugin({"--grace", "1000"}));
  up.read_line();
  program.signal(SIGTERM);
  CHECK(space.finish(std::move(program)).signal == SIGTERM);
}

TEST_CASE("what a function prints comes before its result, its stderr apart; much of it too") {
  const TestSpace space;
  FunctionJob job;
  job.add("both", "print_both");
  job.add("small", "print_much", "10");
  job.add("much", "print_much", "3000001");
  job.add("last", "twice", "4");
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k"}));
  CHECK((ran.out == "to stdout\npppppppppp" + std::string(3'000'001, 'p') + "8\n"));
  CHECK(ran.err.starts_with("to stderr\n"));
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a hundred thousand functions in order, each exactly once") {
  const TestSpace space;
  FunctionJob job;
  std::string expected;
  for (int i = 0; i < 100'000; ++i) {
    job.add("t" + std::to_string(i), "twice", std::to_string(i));
    expected += std::to_string(2 * i) + "\n";
  }
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-k"}));
  CHECK((ran.out == expected));
  CHECK(ran.err == Has("100000 tasks: 100000 succeeded"));
}

TEST_CASE("a plugin that does not load ends with 2 and says why") {
  const TestSpace space;
  space.write("broken.so", "this is no shared object");
  space.write("job.toml", "[[task]]\nfunction = \"twice\"\nargs = [1]\n");
  const Ran ran = space.run({"run", "--plugin", "broken.so", "job.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("broken.so"));
}

}  // namespace drover::test
