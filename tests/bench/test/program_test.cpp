#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/bench/guarded.hpp"
#include "tests/bench/program.hpp"

using namespace drover::bench;

namespace {

std::string refusal_of(const ProgramRun& run) {
  try {
    (void)seconds_of(run);
  } catch (const CannotMeasure& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a work folder is gone with its owner, and a forked child that unwinds leaves it") {
  std::string file;
  {
    const WorkFolder folder;
    file = folder.write("below/it", "text");
    const Sample sample = take_guarded(
        [&] {
          folder.~WorkFolder();
          return Sample{1, 0};
        },
        std::chrono::seconds(20));
    CHECK(sample.value == 1);
    std::string content;
    std::ifstream(file) >> content;
    CHECK(content == "text");
  }
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a program is found in PATH, by a path, or not at all") {
  CHECK(find_program("/bin/sh") == "/bin/sh");
  CHECK(find_program("/bin/no-such-program").empty());
  CHECK(find_program("no-such-program-anywhere").empty());
  const std::string shell = find_program("sh");
  REQUIRE_FALSE(shell.empty());
  CHECK(shell.find('/') != std::string::npos);
}

TEST_CASE("the version is the first line of what the program says") {
  const WorkFolder folder;
  const std::string script = folder.write("tool", "#!/bin/sh\necho \"$1 tool 1.2\"\necho more\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  CHECK(version_of(script) == "--version tool 1.2");
  CHECK(version_of("/bin/no-such-program").empty());
}

TEST_CASE("a program that fails gives no number but its status and its first words") {
  const std::string script = "echo first >&2; echo second >&2; exit 3";
  CHECK(refusal_of({{"/bin/sh", "-c", script}}) == "ended with status 3: first");
  CHECK(refusal_of({{"/bin/sh", "-c", "kill -9 $$"}}).find("died of signal 9") == 0);
  CHECK(refusal_of({{"/bin/no-such-program"}}) == "start /bin/no-such-program: No such file or directory");
}

TEST_CASE("a program reads the file that was named as its standard input") {
  const WorkFolder folder;
  const std::string input = folder.write("input", "17\n");
  CHECK(refusal_of({{"/bin/sh", "-c", "read word; exit $word"}, input}).find("ended with status 17") == 0);
  CHECK(seconds_of({{"/bin/sh", "-c", "read word; test $word = 17"}, input}) > 0);
}
