// Job files in TOML: the order of a graph, what its keys do to commands, and what a wrong file gets.
#include "tests/e2e/test_space.hpp"

namespace drover::test {

TEST_CASE("tasks run after those that they need, wherever they stand in the file") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
name = "last"
command = "echo last >>log"
after = ["middle *"]
[[task]]
name = "middle 1"
command = "echo middle >>log"
after = "first"
[[task]]
name = "middle 2"
command = "echo middle >>log"
after = "first"
[[task]]
name = "first"
command = "echo first >>log"
)");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 0);
  CHECK(space.read("log") == "first\nmiddle\nmiddle\nlast\n");
}

TEST_CASE("what needs a failed task is skipped with the reason, the rest runs") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
name = "fetch"
command = "exit 7"
[[task]]
name = "build"
command = "touch built"
after = "fetch"
[[task]]
name = "pack"
command = "touch packed"
after = "build"
[[task]]
name = "lint"
command = "touch linted"
)");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err == Has("task fetch failed (exit 7)"));
  CHECK(ran.err == Has("task build skipped: it needs fetch"));
  CHECK(ran.err == Has("task pack skipped: it needs fetch"));
  CHECK(ran.err == Has("4 tasks: 1 succeeded, 1 failed, 2 skipped"));
  CHECK_FALSE(space.exists("built"));
  CHECK_FALSE(space.exists("packed"));
  CHECK(space.exists("linted"));
}

TEST_CASE("directory, environment and standard input are as the task says") {
  const TestSpace space;
  std::filesystem::create_directory(space.path("sub"));
  space.write("in.txt", "from a file\n");
  space.write("job.toml", R"(
[defaults]
env = { A = "default a", B = "default b" }
[[task]]
command = "pwd | sed 's,.*/,,'; echo $A, $B"
cwd = "sub"
env = { B = "own b" }
[[task]]
command = "cat"
stdin = "in.txt"
[[task]]
command = ["cat"]
stdin = { text = "from the job\nfile" }
[[task]]
command = "true"
stdin = { text = "never read" }
)");
  const Ran ran = space.run({"run", "-k", "job.toml"});
  CHECK(ran.out == "sub\ndefault a, own b\nfrom a file\nfrom the job\nfile");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a megabyte of standard input reaches who reads it and does not hurt who does not") {
  const TestSpace space;
  const std::string text(1'000'000, 'x');
  space.write("job.toml", "[[task]]\ncommand = \"wc -c\"\nstdin = { text = \"" + text +
                              "\" }\n[[task]]\ncommand = \"echo deaf\"\nstdin = { text = \"" + text +
                              "\" }\n");
  const Ran ran = space.run({"run", "-k", "job.toml"});
  CHECK(ran.out == "1000000\ndeaf\n");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("a missing file for standard input or a missing directory fails that task alone, and is named") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
command = "cat"
stdin = "no-such-file"
[[task]]
command = "echo here"
cwd = "no-such-folder"
[[task]]
command = "echo on"
)");
  const Ran ran = space.run({"run", "-k", "job.toml"});
  CHECK(ran.out == "on\n");
  CHECK(ran.err == Has("no-such-file"));
  CHECK(ran.err == Has("no-such-folder"));
  CHECK(ran.err == Has("3 tasks: 1 succeeded, 2 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("retries and timeouts of a task stand before those of the file") {
  const TestSpace space;
  Fifo never = space.fifo("never");
  space.write("job.toml", R"(
[defaults]
retries = 1
[[task]]
name = "twice"
command = "echo x >>twice; exit 1"
[[task]]
name = "once"
command = "echo x >>once; exit 1"
retries = 0
[[task]]
name = "slow"
command = "read x <never"
timeout = "100ms"
retries = 0
)");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(space.read("twice") == "x\nx\n");
  CHECK(space.read("once") == "x\n");
  CHECK(ran.err == Has("task slow timed out"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("the command line stands before the file's defaults") {
  const TestSpace space;
  space.write("job.toml", "[defaults]\nretries = 5\n[[task]]\ncommand = \"echo x >>log; exit 1\"\n");
  CHECK(space.run({"run", "--retries", "1", "job.toml"}).exit_code == 1);
  CHECK(space.read("log") == "x\nx\n");
}

TEST_CASE("all mistakes of a job file are shown with line and column, and nothing is started") {
  const TestSpace space;
  space.write("job.toml", R"([[task]]
name = "good"
command = "touch started"
[[task]]
comand = "echo"
command = "true"
[[task]]
name = "good"
command = "true"
after = "nobody"
[[task]]
command = "true"
timeout = "ten"
)");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("drover: job.toml:5:1: unknown key \"comand\"; did you mean `command`?"));
  CHECK(ran.err == Has("drover: job.toml:8:8: the name \"good\" is taken"));
  CHECK(ran.err == Has("drover: job.toml:10:9: "));
  CHECK(ran.err == Has("nobody"));
  CHECK(ran.err == Has("drover: job.toml:13:11: "));
  CHECK(ran.out.empty());
  CHECK_FALSE(space.exists("started"));
}

TEST_CASE("a circle of needs is an error and nothing is started") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
name = "a"
command = "touch started"
after = "b"
[[task]]
name = "b"
command = "touch started"
after = "a"
)");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("job.toml:"));
  CHECK_FALSE(space.exists("started"));
}

TEST_CASE("a syntax error is shown with line and column") {
  const TestSpace space;
  space.write("job.toml", "[[task]]\ncommand = \"echo\n");
  const Ran ran = space.run({"run", "job.toml"});
  CHECK(ran.exit_code == 2);
  CHECK(ran.err == Has("drover: job.toml:2:"));
}

TEST_CASE("--dry-run prints commands in an order in which they can run, and runs nothing") {
  const TestSpace space;
  space.write("job.toml", R"(
[[task]]
name = "second"
command = ["touch", "two words"]
after = "first"
[[task]]
name = "first"
command = "touch started"
)");
  const Ran ran = space.run({"run", "--dry-run", "job.toml"});
  CHECK(ran.out == "first\ttouch started\nsecond\ttouch 'two words'\n");
  CHECK(ran.exit_code == 0);
  CHECK_FALSE(space.exists("started"));
  CHECK(space.run({"run", "--dry-run", "-"}, {.input = lines({"touch started"})}).out == "touch started\n");
  CHECK_FALSE(space.exists("started"));
}

TEST_CASE("a job file is read from standard input too") {
  const TestSpace space;
  const Ran ran = space.run({"run", "-"}, {.input = "[[task]]\ncommand = \"echo from toml\"\n"});
  CHECK(ran.out == "from toml\n");
}

}  // namespace drover::test
