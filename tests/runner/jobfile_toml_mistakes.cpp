// What the reader says of wrong job files: the exact texts, as users see them.
#include <doctest/doctest.h>

#include "runner/jobfile/function_check.hpp"
#include "runner/jobfile/toml_reader.hpp"

using drover::Diagnostic;
using drover::Job;
using drover::JobOptions;
using Texts = std::vector<std::string>;

namespace {

// Each without "drover: j:".
Texts mistakes_in(std::string_view text, const JobOptions& options = {}) {
  Job job;
  std::vector<Diagnostic> diagnostics;
  const bool ok = read_toml(text, "j", options, job, diagnostics);
  CHECK(ok == diagnostics.empty());
  Texts texts;
  for (const Diagnostic& diagnostic : diagnostics) texts.push_back(format(diagnostic).substr(10));
  return texts;
}

// Of the one mistake in a task that has a command in line 2 and this in line 3.
std::string mistake_in_task(const std::string& line) {
  const Texts texts = mistakes_in("[[task]]\ncommand = \"ls\"\n" + line + "\n");
  CAPTURE(texts.size());
  return texts.size() == 1 ? texts.front() : "not one mistake";
}

std::string mistake_in(const std::string& text) {
  const Texts texts = mistakes_in(text);
  CAPTURE(texts.size());
  return texts.size() == 1 ? texts.front() : "not one mistake";
}

}  // namespace

TEST_CASE("a syntax error ends the reading, in its place") {
  CHECK(mistakes_in("name = \"x\"\nworkers = \nbogus = 1\n") ==
        Texts{"2:11: this is not TOML: in key-value pair: expected value, saw '\\n'; correct it (what "
              "follows was not "
              "read)"});
  CHECK(mistakes_in("[$x]\n") == Texts{"1:2: this is not TOML: in key: expected bare key starting character "
                                       "or string delimiter, saw '$'; correct it "
                                       "(what follows was not read)"});
  CHECK(mistake_in("a = tr\n") ==
        "1:7: this is not TOML: in boolean: expected 'true', saw 'tr\\n'; correct it (what follows was not "
        "read)");
  CHECK(mistakes_in("[[task]]\ncommand = make all\n").size() == 1);
  CHECK(mistakes_in("name = \"\xff\"\n").size() == 1);
}

TEST_CASE("an unknown key is named with the nearest one, or with those that are known") {
  CHECK(mistake_in_task("timout = 3") == "3:1: unknown key \"timout\"; did you mean `timeout`?");
  CHECK(mistake_in("nmae = \"x\"") == "1:1: unknown key \"nmae\"; did you mean `name`?");
  CHECK(mistake_in("colour = 1") ==
        "1:1: unknown key \"colour\"; known here: name, workers, halt, defaults, task");
  CHECK(mistake_in("[defaults]\n  retires = 1") == "2:3: unknown key \"retires\"; did you mean `retries`?");
  CHECK(mistake_in_task("eech = 1") == "3:1: unknown key \"eech\"; did you mean `each`?");
}

TEST_CASE("keys of later versions are named as such") {
  const std::string later = "` is not supported by this version of drover; ";
  CHECK(mistake_in_task("each = { a = [1] }") == "3:1: `each" + later + "write one [[task]] for each value");
  CHECK(mistake_in_task("when = 'always'") ==
        "3:1: `when" + later + "remove it: a task runs when all that it waits for have succeeded");
  CHECK(mistake_in_task("stdout = 'x'") == "3:1: `stdout" + later + "redirect it in the command");
  CHECK(mistake_in("[resources]\ngpu = 1") == "1:2: `resources" + later + "remove it, or lower `workers`");
  for (const std::string key : {"kind", "cores", "memory", "resources", "priority", "stderr", "inputs",
                                "success_codes", "allow_failure"}) {
    CHECK(mistake_in_task(key + " = 1").starts_with("3:1: `" + key + later));
    CHECK(mistake_in("[defaults]\n" + key + " = 1").starts_with("2:1: `" + key + later));
  }
  CHECK(mistake_in_task("retries = { count = 3 }") ==
        "3:11: a table of `retries` is not supported by this version of drover; write a number");
}

TEST_CASE("a key in the wrong place is told where it belongs") {
  CHECK(mistake_in_task("workers = 3") ==
        "3:1: `workers` is out of place; write it before the first line in brackets");
  CHECK(mistake_in("timeout = 3") ==
        "1:1: `timeout` is out of place; write it below [defaults] or a [[task]]");
  CHECK(mistake_in("command = 'ls'") == "1:1: `command` is out of place; write it below a [[task]]");
  CHECK(mistake_in("cores = 1") == "1:1: `cores` is out of place; write it below a [[task]]");
  CHECK(mistake_in("[defaults]\nafter = 'a'") ==
        "2:1: `after` can have no default; write it below a [[task]]");
  CHECK(mistake_in("[defaults]\nhalt = 1") ==
        "2:1: `halt` is out of place; write it before the first line in brackets");
}

TEST_CASE("a task has a command or a function, never both or none") {
  CHECK(mistake_in("[[task]]\nname = 'a'") ==
        "1:1: the task has nothing to do; write a `command` or a `function`");
  CHECK(mistake_in_task("function = 'f'") ==
        "3:12: `command` and `function` exclude each other; remove one of them");
}

TEST_CASE("a value of a wrong type is told what to write") {
  CHECK(mistake_in("name = 3") == "1:8: `name` is an integer; write a string");
  CHECK(mistake_in("workers = 2.5") ==
        "1:11: `workers` is a number with a fraction; write a number, or a string such as \"50%\" or \"-1\"");
  CHECK(mistake_in("halt = true") == "1:8: `halt` is a boolean; write a string such as \"now,fail=1\"");
  CHECK(mistake_in("defaults = 1") == "1:12: `defaults` is an integer; write a table: [defaults]");
  CHECK(mistake_in("[task]\ncommand = 'ls'") ==
        "1:1: `task` is a table; write [[task]], with two brackets, before each task");
  CHECK(mistake_in("task = ['ls']") == "1:9: a task is a string; write a table: [[task]]");
  CHECK(mistake_in("[[task]]\ncommand = 3") ==
        "2:11: `command` is an integer; write a string or a list of strings");
  CHECK(mistake_in("[[task]]\ncommand = ['ls', 3]") ==
        "2:18: a word of `command` is an integer; write a string");
  CHECK(mistake_in_task("name = ['a']") == "3:8: `name` is a list; write a string");
  CHECK(mistake_in_task("shell = 1") == "3:9: `shell` is an integer; write true, false or a program");
  CHECK(mistake_in_task("env = 'A=1'") ==
        "3:7: `env` is a string; write a table such as { NAME = \"value\" }");
  CHECK(mistake_in_task("env = { A = 1.5 }") ==
        "3:13: the value of \"A\" is a number with a fraction; write a string, an integer or a boolean");
  CHECK(mistake_in_task("cwd = 1") == "3:7: `cwd` is an integer; write a string");
  CHECK(mistake_in_task("stdin = 1") == "3:9: `stdin` is an integer; write a path, or { text = \"…\" }");
  CHECK(mistake_in_task("stdin = { text = 1 }") == "3:18: `text` is an integer; write a string");
  CHECK(mistake_in_task("timeout = true") ==
        "3:11: `timeout` is a boolean; write a duration such as \"10s\", or a number of seconds");
  CHECK(mistake_in_task("grace = 07:32:00") ==
        "3:9: `grace` is a date or a time; write a duration such as \"10s\", or a number of seconds");
  CHECK(mistake_in_task("retries = '3'") ==
        "3:11: `retries` is a string; write how many further attempts there may be");
  CHECK(mistake_in_task("after = 1") ==
        "3:9: `after` is an integer; write the name of a task, or a list of names");
  CHECK(mistake_in_task("after = [1]") ==
        "3:10: an entry of `after` is an integer; write the name of a task");
  CHECK(mistake_in("[[task]]\nfunction = 1") == "2:12: `function` is an integer; write a string");
  CHECK(mistake_in("[[task]]\nfunction = 'f'\nargs = 1") ==
        "3:8: `args` is an integer; write a list of values");
  CHECK(mistake_in("[[task]]\nfunction = 'f'\nargs = [[1]]") ==
        "3:9: an argument is a list; write a string, a number or a boolean");
}

TEST_CASE("a value that means nothing is told why") {
  CHECK(mistake_in("workers = 0") ==
        "1:11: 0 workers can do nothing; write 1 or more, or 100% for one a CPU");
  CHECK(mistake_in("halt = 'soon'") ==
        "1:8: \"soon\" is no halt rule; write never, or WHEN,WHY=N such as now,fail=1 or soon,fail=10%");
  CHECK(mistake_in_task("timeout = '10min'") ==
        "3:11: `timeout`: \"min\" is not a unit of time; use d, h, m, s, ms, us or ns");
  CHECK(mistake_in_task("timeout = -1") == "3:11: `timeout`: -1 is negative; a duration is 0 or more");
  CHECK(mistake_in_task("grace = inf") == "3:9: `grace`: inf is too long a time; the longest is 36500d");
  CHECK(mistake_in("[defaults]\ngrace = ''") ==
        "2:9: `grace`: \"\" is not a duration; write it like 300ms, 10s or 1h30m");
  CHECK(mistake_in_task("retries = -1") == "3:11: `retries` is -1; write 0 to 4294967294");
  CHECK(mistake_in_task("retries = 4294967295") == "3:11: `retries` is 4294967295; write 0 to 4294967294");
  CHECK(mistake_in_task("shell = 'bash -e'") ==
        "3:9: `shell` is a program without options; set them in the command (set -e)");
  CHECK(mistake_in_task("stdin = { file = 'x' }") ==
        "3:9: `stdin` as a table has the one key `text`; write { text = \"…\" }");
  CHECK(mistake_in_task("env = { 'A=B' = 'x' }") ==
        "3:9: \"A=B\" cannot name an environment variable; use letters, digits and _");
  CHECK(mistake_in_task("env = { '' = 'x' }") ==
        "3:9: \"\" cannot name an environment variable; use letters, digits and _");
}

TEST_CASE("what must hold something is not empty") {
  const std::string empty_command = "`command` is empty; write what to execute";
  CHECK(mistake_in("[[task]]\ncommand = ''") == "2:11: " + empty_command);
  CHECK(mistake_in("[[task]]\ncommand = \" \\n\"") == "2:11: " + empty_command);
  CHECK(mistake_in("[[task]]\ncommand = []") == "2:11: " + empty_command);
  CHECK(mistake_in("[[task]]\ncommand = ['', 'a']") == "2:11: " + empty_command);
  CHECK(mistake_in_task("name = ''") == "3:8: `name` is empty; remove it, or write something");
  CHECK(mistake_in_task("cwd = ''") == "3:7: `cwd` is empty; remove it, or write something");
  CHECK(mistake_in_task("stdin = ''") == "3:9: `stdin` is empty; remove it, or write something");
  CHECK(mistake_in_task("shell = ''") == "3:9: `shell` is empty; remove it, or write something");
  CHECK(mistake_in("[[task]]\nfunction = ''") == "2:12: `function` is empty; remove it, or write something");
}

TEST_CASE("a NUL byte is refused wherever the system could not pass it on") {
  const std::string nul = " holds a NUL byte, which the system cannot pass on; remove it";
  CHECK(mistake_in("[[task]]\ncommand = \"a\\u0000b\"") == "2:11: `command`" + nul);
  CHECK(mistake_in("[[task]]\ncommand = [\"a\", \"\\u0000\"]") == "2:17: `command`" + nul);
  CHECK(mistake_in_task("name = \"\\u0000\"") == "3:8: `name`" + nul);
  CHECK(mistake_in_task("cwd = \"\\u0000\"") == "3:7: `cwd`" + nul);
  CHECK(mistake_in_task("stdin = \"\\u0000\"") == "3:9: `stdin`" + nul);
  CHECK(mistake_in_task("shell = \"\\u0000\"") == "3:9: `shell`" + nul);
  CHECK(mistake_in_task("after = \"\\u0000\"") == "3:9: `after`" + nul);
  CHECK(mistake_in_task("env = { A = \"\\u0000\" }") == "3:13: the value of \"A\"" + nul);
  CHECK(mistake_in_task("env = { \"A\\u0000\" = 'x' }") ==
        "3:9: \"A\\x00\" cannot name an environment variable; use letters, digits and _");
}

TEST_CASE("shells and lists of words exclude each other, as do quotes and no shell") {
  const std::string list = "`command` that is a list needs no shell; write it as a string, or remove `shell`";
  CHECK(mistake_in("[[task]]\ncommand = ['ls']\nshell = true") == "3:9: a " + list);
  CHECK(mistake_in("[[task]]\ncommand = ['ls']\nshell = 'zsh'") == "3:9: a " + list);
  CHECK(mistakes_in("[[task]]\ncommand = ['ls']\nshell = false").empty());
  CHECK(mistake_in("[[task]]\ncommand = \"echo 'a b'\"\nshell = false") ==
        "2:11: without a shell quotes mean nothing; write `command` as a list of words");
}

TEST_CASE("keys of commands and keys of functions are not mixed") {
  CHECK(mistake_in_task("args = [1]") ==
        "3:8: `args` belongs to a `function`; write the arguments into `command`");
  for (const std::string key : {"shell", "env", "cwd", "stdin"}) {
    const std::string value = key == "env" ? "{}" : "'x'";
    CHECK(mistake_in("[[task]]\nfunction = 'f'\n" + key + " = " + value) ==
          "3:" + std::to_string(key.size() + 4) + ": `" + key +
              "` belongs to a `command`; remove it, or pass it in `args`");
  }
}

TEST_CASE("a name that is taken is reported with the line that took it") {
  CHECK(mistake_in("[[task]]\nname = 'a'\ncommand = 'x'\n[[task]]\nname = 'b'\ncommand = 'x'\n"
                   "[[task]]\ncommand = 'x'\nname = 'a'\n") ==
        "9:8: the name \"a\" is taken by the task in line 2; names are unique, choose another");
}

TEST_CASE("wrong names in after are reported in their places") {
  CHECK(mistakes_in("[[task]]\nname = 'resize'\ncommand = 'x'\n"
                    "[[task]]\ncommand = 'x'\nafter = ['resize',\n  'resise', 'made *']\n") ==
        Texts{"7:3: no task is named \"resise\"; did you mean \"resize\"?",
              "7:13: no task has a name like \"made *\"; correct it or remove it"});
}

TEST_CASE("a circle of tasks is reported once, where its first task waits") {
  CHECK(mistakes_in("[[task]]\nname = 'a'\ncommand = 'x'\nafter = 'b'\n"
                    "[[task]]\nname = 'b'\ncommand = 'x'\nafter = 'a'\n") ==
        Texts{"4:9: tasks wait for each other in a circle: \"a\" after \"b\" after \"a\"; remove one of "
              "these from an "
              "after"});
}

TEST_CASE("all mistakes of meaning are shown at once, in the order of the file") {
  CHECK(mistakes_in("halt = 'x'\nworkers = 'y'\n[[task]]\nretries = -1\nbogus = 1\nafter = 'zzz'\n"
                    "[[task]]\ncommand = 3\ntimeout = 'x'\n[defaults]\ngrace = true\n") ==
        Texts{"1:8: \"x\" is no halt rule; write never, or WHEN,WHY=N such as now,fail=1 or soon,fail=10%",
              "2:11: \"y\" is no number of workers; write N, N%, +N or -N",
              "3:1: the task has nothing to do; write a `command` or a `function`",
              "4:11: `retries` is -1; write 0 to 4294967294",
              "5:1: unknown key \"bogus\"; known here: name, command, shell, function, args, after, env, "
              "cwd, stdin, "
              "timeout, grace, retries",
              "6:9: no task is named \"zzz\"; correct it or remove it",
              "8:11: `command` is an integer; write a string or a list of strings",
              "9:11: `timeout`: \"x\" is not a duration; write it like 300ms, 10s or 1h30m",
              "11:9: `grace` is a boolean; write a duration such as \"10s\", or a number of seconds"});
}

TEST_CASE("an unknown function is reported with the nearest and the known ones") {
  JobOptions options;
  options.functions = {"sum", "count_primes"};
  CHECK(
      mistakes_in(
          "[[task]]\nfunction = 'count_prime'\n[[task]]\nfunction = 'sum'\n[[task]]\nfunction = 'other'\n",
          options) ==
      Texts{"2:12: unknown function \"count_prime\"; did you mean \"count_primes\"? known: count_primes, sum",
            "6:12: unknown function \"other\"; known: count_primes, sum"});
}

TEST_CASE("functions may be checked after the reading") {
  Job job;
  std::vector<Diagnostic> diagnostics;
  REQUIRE(read_toml("[[task]]\nfunction = 'f'\n", "j", JobOptions{}, job, diagnostics));
  CHECK(check_functions(job, "j", {"g", "f"}, diagnostics));
  CHECK(diagnostics.empty());
  CHECK_FALSE(check_functions(job, "j", {}, diagnostics));
  REQUIRE(diagnostics.size() == 1);
  CHECK(format(diagnostics[0]) ==
        "drover: j:2:12: unknown function \"f\"; no function is known; give the plugin that holds it");
}

TEST_CASE("a long list of known functions is cut") {
  Job job;
  job.functions = {{"nothing_like_it", 1, 1}};
  Texts known;
  for (char c = 'a'; c <= 'z'; ++c) known.emplace_back(1, c);
  std::vector<Diagnostic> diagnostics;
  CHECK_FALSE(check_functions(job, "j", known, diagnostics));
  REQUIRE(diagnostics.size() == 1);
  CHECK(diagnostics[0].text ==
        "unknown function \"nothing_like_it\"; known: a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, "
        "p, q, r, s, t and 6 more");
}

TEST_CASE("diagnostics that were there before stay as they are") {
  Job job;
  std::vector<Diagnostic> diagnostics{{"other", 99, 1, "before"}};
  CHECK_FALSE(read_toml("bogus = 1\n", "j", JobOptions{}, job, diagnostics));
  REQUIRE(diagnostics.size() == 2);
  CHECK(diagnostics[0].text == "before");
}
