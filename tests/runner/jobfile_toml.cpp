#include <doctest/doctest.h>

#include "runner/jobfile/toml_reader.hpp"

using drover::Diagnostic;
using drover::HaltRule;
using drover::Job;
using drover::JobOptions;
using drover::StdinKind;
using drover::TaskId;
using drover::TaskKind;
using drover::TaskSpec;
using drover::Value;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using Env = std::vector<std::pair<std::string, std::string>>;

namespace {

Job read(std::string_view text, const JobOptions& options = {}) {
  Job job;
  std::vector<Diagnostic> diagnostics;
  const bool ok = read_toml(text, "jobs.toml", options, job, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics) FAIL_CHECK(format(diagnostic));
  REQUIRE(ok);
  return job;
}

// Of a file with one task, its keys being the text.
TaskSpec read_task(const std::string& keys, const JobOptions& options = {}) {
  Job job = read("[[task]]\n" + keys, options);
  REQUIRE(job.tasks.size() == 1);
  return job.tasks.front();
}

}  // namespace

TEST_CASE("an empty job file is a job without tasks") {
  const Job job = read("");
  CHECK(job.name.empty());
  CHECK_FALSE(job.workers);
  CHECK_FALSE(job.halt);
  CHECK(job.tasks.empty());
}

TEST_CASE("the top of a job file has its name, workers and halt rule") {
  const Job job = read("name = \"thumbnails\"\nworkers = 8\nhalt = \"soon,fail=10%\"\n");
  CHECK(job.name == "thumbnails");
  CHECK(job.workers == "8");
  CHECK(job.halt == HaltRule{HaltRule::When::Soon, HaltRule::Why::Fail, 10, true});
}

TEST_CASE("workers and halt have the spellings of the command line, numbers too") {
  CHECK(read("workers = \"50%\"").workers == "50%");
  CHECK(read("workers = -1").workers == "-1");
  CHECK(read("halt = 2").halt == HaltRule{HaltRule::When::Now, HaltRule::Why::Fail, 1, false});
}

TEST_CASE("a task has what its keys say") {
  const TaskSpec task = read_task(R"(
name = "build it"
command = "make -j2 all"
env = { CC = "gcc", LEVEL = 3, FAST = true }
cwd = "src"
stdin = "in.txt"
timeout = "1h30m"
grace = 2.5
retries = 3
)");
  CHECK(task.name == "build it");
  CHECK(task.kind == TaskKind::Command);
  CHECK(task.text == "make -j2 all");
  CHECK(task.argv == Words{"make", "-j2", "all"});
  CHECK(task.env == Env{{"CC", "gcc"}, {"LEVEL", "3"}, {"FAST", "true"}});
  CHECK(task.cwd == "src");
  CHECK(task.stdin_kind == StdinKind::File);
  CHECK(task.stdin_value == "in.txt");
  CHECK(task.timeout == 90min);
  CHECK(task.grace == 2500ms);
  CHECK(task.retries == 3);
  CHECK(task.after.empty());
}

TEST_CASE("a task that says little leaves the rest to the run") {
  const TaskSpec task = read_task("command = \"ls\"");
  CHECK(task.name.empty());
  CHECK(task.env.empty());
  CHECK(task.cwd.empty());
  CHECK(task.stdin_kind == StdinKind::Null);
  CHECK_FALSE(task.timeout);
  CHECK_FALSE(task.grace);
  CHECK_FALSE(task.retries);
}

TEST_CASE("tasks keep the order of the file") {
  const Job job = read("task = [{ command = \"z\" }, { command = \"a\" }]");
  REQUIRE(job.tasks.size() == 2);
  CHECK(job.tasks[0].text == "z");
  CHECK(job.tasks[1].text == "a");
}

TEST_CASE("a command string goes to the shell when it needs one") {
  CHECK(read_task("command = 'ls *.c'").argv == Words{"/bin/sh", "-c", "ls *.c"});
  JobOptions options;
  options.shell = "/bin/bash";
  CHECK(read_task("command = 'ls *.c'", options).argv == Words{"/bin/bash", "-c", "ls *.c"});
  CHECK(read_task("command = 'ls x.c'", options).argv == Words{"ls", "x.c"});
}

TEST_CASE("the shell of a task decides how its command runs") {
  CHECK(read_task("command = 'ls *.c'\nshell = false").argv == Words{"ls", "*.c"});
  CHECK(read_task("command = 'ls'\nshell = true").argv == Words{"/bin/sh", "-c", "ls"});
  CHECK(read_task("command = 'ls'\nshell = 'zsh'").argv == Words{"zsh", "-c", "ls"});
}

TEST_CASE("the default shell serves tasks without one of their own") {
  const Job job = read(
      "[[task]]\ncommand = 'ls'\n[[task]]\ncommand = 'ls'\nshell = true\n[[task]]\ncommand = 'ls'\n"
      "shell = false\n[[task]]\ncommand = ['ls']\n[defaults]\nshell = 'zsh'\n");
  CHECK(job.tasks[0].argv == Words{"zsh", "-c", "ls"});
  CHECK(job.tasks[1].argv == Words{"zsh", "-c", "ls"});
  CHECK(job.tasks[2].argv == Words{"ls"});
  CHECK(job.tasks[3].argv == Words{"ls"});
}

TEST_CASE("a shell of the command line stands before the default one, not before a task's own") {
  JobOptions options;
  options.shell = "bash";
  options.shell_given = true;
  const Job job =
      read("[defaults]\nshell = 'zsh'\n[[task]]\ncommand = '$A'\n[[task]]\ncommand = '$A'\nshell = 'dash'\n",
           options);
  CHECK(job.tasks[0].argv == Words{"bash", "-c", "$A"});
  CHECK(job.tasks[1].argv == Words{"dash", "-c", "$A"});
}

TEST_CASE("a command list is executed as it is and shown as one would type it") {
  const TaskSpec task = read_task("command = ['echo', '*', 'a b', '']");
  CHECK(task.argv == Words{"echo", "*", "a b", ""});
  CHECK(task.text == "echo '*' 'a b' ''");
}

TEST_CASE("braces are literal") {
  CHECK(read_task("command = [\"docker\", \"inspect\", \"{{.Id}}\", \"{}\"]").argv ==
        Words{"docker", "inspect", "{{.Id}}", "{}"});
}

TEST_CASE("a function task has a function and typed arguments") {
  const Job job =
      read("[[task]]\nfunction = \"count_primes\"\nargs = [1, -2, 0.5, true, \"text\"]\nretries = 1\n");
  const TaskSpec& task = job.tasks.front();
  CHECK(task.kind == TaskKind::Function);
  CHECK(task.function == "count_primes");
  CHECK(task.args == std::vector<Value>{Value(std::int64_t{1}), Value(std::int64_t{-2}), Value(0.5),
                                        Value(true), Value(std::string("text"))});
  CHECK(task.retries == 1);
  CHECK(task.argv.empty());
  REQUIRE(job.functions.size() == 1);
  CHECK(job.functions[0].name == "count_primes");
  CHECK(job.functions[0].line == 2);
  CHECK(job.functions[0].column == 12);
}

TEST_CASE("standard input may be a text, NUL bytes and nothing included") {
  const TaskSpec task = read_task("command = 'cat'\nstdin = { text = \"a\\u0000b\\n\" }");
  CHECK(task.stdin_kind == StdinKind::Text);
  CHECK(task.stdin_value == std::string("a\0b\n", 4));
  CHECK(read_task("command = 'cat'\nstdin = { text = '' }").stdin_kind == StdinKind::Text);
}

TEST_CASE("durations are strings or numbers of seconds, and none is none") {
  CHECK(read_task("command = 'ls'\ntimeout = 10").timeout == 10s);
  CHECK(read_task("command = 'ls'\ntimeout = 0.3").timeout == 300ms);
  CHECK(read_task("command = 'ls'\ntimeout = '300ms'").timeout == 300ms);
  CHECK(read_task("command = 'ls'\ntimeout = 0").timeout == 0s);
}

TEST_CASE("defaults hold for tasks without the key, wherever they are written") {
  const Job job = read(R"(
[[task]]
command = "a"
[[task]]
command = "b"
timeout = "1s"
grace = "2s"
retries = 0
cwd = "own"
env = { B = "own", C = "c" }
[[task]]
function = "f"
[defaults]
timeout = "10s"
grace = "20s"
retries = 4
cwd = "common"
env = { A = "a", B = "b" }
)");
  const TaskSpec& plain = job.tasks[0];
  CHECK(plain.timeout == 10s);
  CHECK(plain.grace == 20s);
  CHECK(plain.retries == 4);
  CHECK(plain.cwd == "common");
  CHECK(plain.env == Env{{"A", "a"}, {"B", "b"}});
  const TaskSpec& own = job.tasks[1];
  CHECK(own.timeout == 1s);
  CHECK(own.grace == 2s);
  CHECK(own.retries == 0);
  CHECK(own.cwd == "own");
  CHECK(own.env == Env{{"A", "a"}, {"B", "own"}, {"C", "c"}});
  CHECK(job.tasks[2].timeout == 10s);
}

TEST_CASE("policies of the command line stand before defaults, not before a task's own") {
  JobOptions options;
  options.timeout = 7s;
  options.grace = 8s;
  options.retries = 9;
  const Job job = read(
      "[defaults]\ntimeout = 1\ngrace = 1\nretries = 1\n[[task]]\ncommand = 'a'\n"
      "[[task]]\ncommand = 'b'\ntimeout = 2\ngrace = 3\nretries = 4\n",
      options);
  CHECK(job.tasks[0].timeout == 7s);
  CHECK(job.tasks[0].grace == 8s);
  CHECK(job.tasks[0].retries == 9);
  CHECK(job.tasks[1].timeout == 2s);
  CHECK(job.tasks[1].grace == 3s);
  CHECK(job.tasks[1].retries == 4);
}

TEST_CASE("after holds the ids of the tasks that it names, by name or by glob") {
  const Job job = read(R"(
[[task]]
name = "index"
command = "i"
after = ["resize *", "setup"]
[[task]]
name = "resize a"
command = "r"
after = "setup"
[[task]]
name = "setup"
command = "s"
[[task]]
name = "resize b"
command = "r"
[[task]]
command = "all"
after = "*"
)");
  using Ids = std::vector<TaskId>;
  CHECK(job.tasks[0].after == Ids{2, 3, 4});
  CHECK(job.tasks[1].after == Ids{3});
  CHECK(job.tasks[2].after.empty());
  CHECK(job.tasks[4].after == Ids{1, 2, 3, 4});
}

TEST_CASE("environment variables keep the order of the file") {
  CHECK(read_task("command = 'a'\nenv = { Z = '1', A = '2', M = '' }").env ==
        Env{{"Z", "1"}, {"A", "2"}, {"M", ""}});
  CHECK(read_task("command = 'a'\n[task.env]\nZ = false\nA = -2\n").env == Env{{"Z", "false"}, {"A", "-2"}});
}

TEST_CASE("known functions may be given before the reading") {
  JobOptions options;
  options.functions = {"f", "g"};
  CHECK(read("[[task]]\nfunction = 'f'\n[[task]]\nfunction = 'g'\n", options).functions.size() == 2);
}

TEST_CASE("a job file of a hundred thousand tasks with chains and a glob is read") {
  std::string text;
  constexpr std::size_t kTasks = 100'000;
  for (std::size_t i = 1; i <= kTasks; ++i) {
    text += "[[task]]\nname = \"t " + std::to_string(i) + "\"\ncommand = \"true\"\n";
    if (i > 1) text += "after = \"t " + std::to_string(i - 1) + "\"\n";
  }
  text += "[[task]]\ncommand = \"true\"\nafter = \"t *\"\n";
  const Job job = read(text);
  REQUIRE(job.tasks.size() == kTasks + 1);
  CHECK(job.tasks[kTasks - 1].after == std::vector<TaskId>{kTasks - 1});
  CHECK(job.tasks[kTasks].after.size() == kTasks);
}
