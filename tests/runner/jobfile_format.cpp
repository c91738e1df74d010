#include <doctest/doctest.h>

#include "runner/jobfile/job_format.hpp"

using drover::first_written_line;
using drover::format_of;
using drover::JobFormat;
using drover::looks_like_toml;

TEST_CASE("the suffix says which language a job file is written in") {
  CHECK(format_of("jobs.toml") == JobFormat::Toml);
  CHECK(format_of("a.b/jobs.jsonl") == JobFormat::JsonLines);
  CHECK(format_of("compile_commands.json") == JobFormat::CompileCommands);
  CHECK(format_of("build/compile_commands.json") == JobFormat::CompileCommands);
}

TEST_CASE("whatever has no known suffix is a command list") {
  for (const char* path :
       {"jobs.txt", "jobs", "-", "dir.toml/jobs", "my_compile_commands.json", "x.json", "toml"}) {
    CAPTURE(path);
    CHECK(format_of(path) == JobFormat::List);
  }
}

TEST_CASE("a stream that begins like a job file is TOML") {
  for (const char* line :
       {"[[task]]", "  [[task]]  # first", "[defaults]", "[defaults.env]", "[resources]\r",
        "name = \"thumbnails\"", "workers\t= 8", "halt   =   \"soon,fail=1\"", "task = [", "name =\"x\""}) {
    CAPTURE(line);
    CHECK(looks_like_toml(line));
  }
}

TEST_CASE("a stream that begins with a command is not TOML") {
  for (const char* line : {"", "ls -l", "[ -e x ] && ls", "[[ -e x ]] && ls", "[[task]] && ls",
                           "[ defaults ]", "name=x", "name=x ./run", "name", "names = x", "workers 8",
                           "command = x", "name == x", "echo [[task]]", "[task"}) {
    CAPTURE(line);
    CHECK_FALSE(looks_like_toml(line));
  }
}

TEST_CASE("the first written line is behind blank lines and comments") {
  CHECK(first_written_line("\n  \n# name = x\n\t# more\r\n\r\nls -l\nmore\n", false) == "ls -l");
  CHECK(first_written_line("\xEF\xBB\xBFls\n", false) == "ls");
}

TEST_CASE("a first line that is not whole yet is waited for, unless nothing follows") {
  CHECK_FALSE(first_written_line("", false));
  CHECK_FALSE(first_written_line("# comment\nls", false));
  CHECK(first_written_line("# comment\nls", true) == "ls");
  CHECK(first_written_line("# comment\n", true) == "");
  CHECK(first_written_line("", true) == "");
}
