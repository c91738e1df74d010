#include <doctest/doctest.h>

#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/suggestion.hpp"

using drover::edit_distance;
using drover::Nearest;
using drover::quoted;

TEST_CASE("a diagnostic shows its place, without the parts that are unknown") {
  CHECK(format(drover::Diagnostic{"jobs.toml", 3, 14, "it is wrong; mend it"}) ==
        "drover: jobs.toml:3:14: it is wrong; mend it");
  CHECK(format(drover::Diagnostic{"jobs.txt", 3, 0, "it is wrong"}) == "drover: jobs.txt:3: it is wrong");
  CHECK(format(drover::Diagnostic{"jobs.txt", 0, 7, "it is wrong"}) == "drover: jobs.txt: it is wrong");
  CHECK(format(drover::Diagnostic{"", 3, 14, "it is wrong"}) == "drover: it is wrong");
}

TEST_CASE("text of the user is quoted so that a terminal obeys nothing in it") {
  CHECK(quoted("plain ü") == "\"plain ü\"");
  CHECK(quoted("") == "\"\"");
  CHECK(quoted("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(quoted("a\nb\tc\x1b[31m\x7f") == "\"a\\nb\\tc\\x1b[31m\\x7f\"");
  CHECK(quoted(std::string_view("a\0b", 3)) == "\"a\\x00b\"");
}

TEST_CASE("a long text of the user is cut, never within a character") {
  CHECK(quoted(std::string(80, 'x')) == '"' + std::string(80, 'x') + '"');
  CHECK(quoted(std::string(81, 'x')) == '"' + std::string(80, 'x') + "…\"");
  CHECK(quoted(std::string(79, 'x') + "üü") == '"' + std::string(79, 'x') + "…\"");
}

TEST_CASE("the edit distance counts changes, insertions, deletions and swaps") {
  CHECK(edit_distance("timeout", "timeout", 3) == 0);
  CHECK(edit_distance("timeout", "timeuot", 3) == 1);
  CHECK(edit_distance("timeout", "timout", 3) == 1);
  CHECK(edit_distance("timeout", "ttimeout", 3) == 1);
  CHECK(edit_distance("kitten", "sitting", 5) == 3);
  CHECK(edit_distance("", "abc", 5) == 3);
}

TEST_CASE("the edit distance stops counting beyond its limit") {
  CHECK(edit_distance("kitten", "sitting", 2) == 3);
  CHECK(edit_distance("a", "abcdefgh", 2) == 3);
  CHECK(edit_distance("abcdefgh", "zyxwvuts", 0) == 1);
}

TEST_CASE("the nearest candidate is suggested, the first of equals, and nothing when all are far") {
  const auto nearest = [](std::string_view word, std::initializer_list<std::string_view> candidates) {
    Nearest found(word);
    for (const auto candidate : candidates) found.offer(candidate);
    return std::string(found.found().value_or("-"));
  };
  CHECK(nearest("comand", {"name", "command", "commands"}) == "command");
  CHECK(nearest("tsak", {"mask", "task", "tank"}) == "task");
  CHECK(nearest("bat", {"cat", "hat"}) == "cat");
  CHECK(nearest("same", {"same", "samf"}) == "same");
  CHECK(nearest("colour", {"name", "env"}) == "-");
  CHECK(nearest("x", {"a", "y"}) == "-");
  CHECK(nearest("name", {}) == "-");
}
