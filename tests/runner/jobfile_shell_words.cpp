#include <doctest/doctest.h>

#include "runner/jobfile/shell_words.hpp"

using drover::command_argv;
using drover::needs_shell;
using drover::ShellChoice;
using Words = std::vector<std::string>;

TEST_CASE("a command of plain words is executed as it is") {
  CHECK(command_argv("gcc -O2 -DX=1 a/b.c", "/bin/sh", ShellChoice::Auto) ==
        Words{"gcc", "-O2", "-DX=1", "a/b.c"});
  CHECK(command_argv("  ls \t -l  ", "/bin/sh", ShellChoice::Auto) == Words{"ls", "-l"});
  CHECK(command_argv("./a_b@c%d+e:f,g.h", "/bin/sh", ShellChoice::Auto) == Words{"./a_b@c%d+e:f,g.h"});
  CHECK(command_argv("-x", "/bin/sh", ShellChoice::Auto) == Words{"-x"});
}

TEST_CASE("every character that is not plain calls for the shell") {
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+:,./=- \t";
  for (int c = 0; c < 256; ++c) {
    const std::string text = std::string("ls x") + static_cast<char>(c) + "y";
    CAPTURE(c);
    CHECK(needs_shell(text) == (plain.find(static_cast<char>(c)) == std::string::npos));
  }
}

TEST_CASE("a command that needs the shell goes to it unchanged") {
  CHECK(command_argv("echo $HOME | wc  -c", "/bin/sh", ShellChoice::Auto) ==
        Words{"/bin/sh", "-c", "echo $HOME | wc  -c"});
  CHECK(command_argv("ls *.c", "bash", ShellChoice::Auto) == Words{"bash", "-c", "ls *.c"});
  CHECK(command_argv("a\nb", "/bin/sh", ShellChoice::Auto) == Words{"/bin/sh", "-c", "a\nb"});
}

TEST_CASE("an assignment before a command calls for the shell, one behind it does not") {
  CHECK(needs_shell("A=1 env"));
  CHECK(needs_shell(" A=1"));
  CHECK_FALSE(needs_shell("env A=1"));
}

TEST_CASE("keywords and builtins of the shell call for it, but only as the first word") {
  for (const char* word :
       {"if",     "while",  "for",   "case",     "until",    "time",  "function", "exit",    "cd",
        ".",      ":",      "eval",  "exec",     "export",   "set",   "unset",    "trap",    "read",
        "wait",   "ulimit", "umask", "type",     "command",  "alias", "source",   "declare", "local",
        "return", "shift",  "times", "hash",     "jobs",     "bg",    "fg",       "getopts", "pushd",
        "popd",   "let",    "break", "continue", "readonly", "chdir"}) {
    CAPTURE(word);
    CHECK(needs_shell(std::string(word) + " 3"));
    CHECK(needs_shell(word));
    CHECK_FALSE(needs_shell(std::string("man ") + word));
    CHECK_FALSE(needs_shell(std::string("x") + word));
  }
}

TEST_CASE("builtins that are programs with the same meaning need no shell") {
  for (const char* text : {"echo a b", "true", "false", "pwd", "test -f x", "printf x", "kill 5"}) {
    CAPTURE(text);
    CHECK_FALSE(needs_shell(text));
  }
}

TEST_CASE("echo with an option needs the shell, whose echo has other options than the program's") {
  CHECK(needs_shell("echo -e a"));
  CHECK(needs_shell("echo --help"));
  CHECK_FALSE(needs_shell("echo a -e"));
}

TEST_CASE("a choice of the author stands before the rule") {
  CHECK(command_argv("ls", "/bin/sh", ShellChoice::Always) == Words{"/bin/sh", "-c", "ls"});
  CHECK(command_argv("cd $HOME\t'a b'", "/bin/sh", ShellChoice::Never) == Words{"cd", "$HOME", "'a", "b'"});
  CHECK(command_argv(" \n ", "/bin/sh", ShellChoice::Never).empty());
}

TEST_CASE("a script that begins like an option of the shell is not taken for one") {
  CHECK(command_argv("-c; ls", "/bin/sh", ShellChoice::Auto) == Words{"/bin/sh", "-c", " -c; ls"});
  CHECK(command_argv("+x", "/bin/sh", ShellChoice::Always) == Words{"/bin/sh", "-c", " +x"});
}

TEST_CASE("an argument list is shown as one would type it") {
  CHECK(drover::shown_command({"ls", "-l", "a b", "it's", "", "$x"}) == "ls -l 'a b' 'it'\\''s' '' '$x'");
  CHECK(drover::shown_command({}).empty());
}

TEST_CASE("a text of blanks only is blank") {
  CHECK(drover::is_blank(""));
  CHECK(drover::is_blank(" \t\r\n"));
  CHECK_FALSE(drover::is_blank(" x "));
}
