// Runs on a machine that has too little of something. Each ends, and what is told is true: all is shown (0),
// what is not is named (1), or drover refuses (3).
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/e2e/test_space.hpp"
#include "tests/sanitized.hpp"

namespace drover::test {
namespace {

constexpr int kTasks = 12;

// Each says that it begins, and prints so much that the worker hands it in as a file. Nothing of it forks.
std::string printing_tasks(const TestSpace& space) {
  space.write("text", std::string(100'000, 'x') + "\n");
  std::string list;
  for (int i = 1; i <= kTasks; ++i) list += "echo $DROVER_SEQ >>log; exec cat text\n";
  return list;
}

int times(const std::string& text, const std::string& word) {
  int count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

void check_end(const TestSpace& space, const Ran& ran) {
  CAPTURE(ran.err);
  CHECK(ran.signal == 0);
  CHECK((ran.exit_code == 0 || ran.exit_code == 1 || ran.exit_code == 3));
  CHECK(ran.err != Has("broken promise"));
  CHECK(ran.err != Has("cannot be true"));
  auto begun = split_lines(space.read("log"));
  std::sort(begun.begin(), begun.end());
  CHECK(std::adjacent_find(begun.begin(), begun.end()) == begun.end());
  // Every output is whole, and those that are missing are told.
  const auto shown = split_lines(ran.out);
  for (const std::string& line : shown) CHECK((line == std::string(100'000, 'x')));
  const auto named = static_cast<std::size_t>(times(ran.err, "drover: task #"));
  if (ran.exit_code == 0) CHECK(shown.size() == kTasks);
  if (ran.exit_code == 1) CHECK(shown.size() + named == kTasks);
  if (ran.exit_code == 3) CHECK(ran.err != "");
}

std::string drover() {
  const char* bin = ::getenv("DROVER_BIN");
  REQUIRE(bin != nullptr);
  return std::string(bin) + "/drover";
}

}  // namespace

TEST_CASE(
    "with too few descriptors a run refuses, does with fewer workers, or names what it could not take") {
  int refused = 0, whole = 0, fewer = 0;
  for (const std::string mode : {"--keep-order", "--output=group", "--output=line"}) {
    for (const int limit : {8, 14, 16, 17, 18, 19, 20, 21, 22, 24, 27, 30, 40, 80}) {
      CAPTURE(mode);
      CAPTURE(limit);
      const TestSpace space;
      const Ran ran = space.finish(space.start_program(
          "/usr/bin/prlimit", {"--nofile=" + std::to_string(limit), drover(), "run", "-j", "4", mode, "-"},
          {.input = printing_tasks(space)}));
      check_end(space, ran);
      refused += ran.exit_code == 3 ? 1 : 0;
      whole += ran.exit_code == 0 ? 1 : 0;
      fewer += times(ran.err, "drover: no more than ");
    }
  }
  CHECK(refused > 0);
  CHECK(whole > 0);
  CHECK(fewer > 0);
}

TEST_CASE("with too few processes a run refuses, or names the commands that could not start") {
  // Only root can be somebody who has no other processes, and is limited all the same.
  const std::string user = std::to_string(700'000 + ::getpid() % 50'000);
  const std::vector<std::string> as_user{"--reuid", user, "--clear-groups"};
  const auto words = [&](std::vector<std::string> more) {
    more.insert(more.begin(), as_user.begin(), as_user.end());
    return more;
  };
  const TestSpace probe;
  if (kSanitized || ::geteuid() != 0 ||
      probe.finish(probe.start_program("/usr/bin/setpriv", words({drover(), "--help"}))).exit_code != 0) {
    MESSAGE("not tested here: needs root, and a drover that other users may start");
    return;
  }
  int refused = 0, not_started = 0, whole = 0;
  for (const int limit : {1, 2, 3, 4, 5, 7, 9, 60}) {
    CAPTURE(limit);
    const TestSpace space;
    std::filesystem::permissions(space.path(""), std::filesystem::perms::all);
    const Ran ran =
        space.finish(space.start_program("/usr/bin/setpriv",
                                         words({"/usr/bin/prlimit", "--nproc=" + std::to_string(limit),
                                                drover(), "run", "-k", "-j", "4", "-"}),
                                         {.input = printing_tasks(space)}));
    check_end(space, ran);
    refused += ran.exit_code == 3 ? 1 : 0;
    not_started += times(ran.err, "no process could be started");
    whole += ran.exit_code == 0 ? 1 : 0;
  }
  CHECK(refused > 0);
  CHECK(not_started > 0);
  CHECK(whole > 0);
}

TEST_CASE("with too little memory a run ends with a sentence, or as it should") {
  if (kSanitized) return;  // sanitizers want terabytes of addresses
  int refused = 0, whole = 0;
  for (const int mib : {6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 60, 100, 400}) {
    CAPTURE(mib);
    const TestSpace space;
    const Ran ran = space.finish(space.start_program(
        "/usr/bin/prlimit",
        {"--as=" + std::to_string(std::uint64_t(mib) << 20), drover(), "run", "-k", "-j", "4", "-"},
        {.input = printing_tasks(space)}));
    CAPTURE(ran.err);
    CHECK(ran.signal == 0);
    if (ran.exit_code == 127) continue;  // drover itself did not fit
    CHECK((ran.exit_code == 0 || ran.exit_code == 1 || ran.exit_code == 3));
    if (ran.exit_code != 0) CHECK(ran.err == Has("drover: "));
    refused += ran.exit_code == 3 ? 1 : 0;
    whole += ran.exit_code == 0 ? 1 : 0;
  }
  CHECK(refused > 0);
  CHECK(whole > 0);
}

TEST_CASE("workers that do not come up are put off and tried again") {
  const TestSpace space;
  const std::string real = ::getenv("DROVER_BIN");
  std::filesystem::create_directory(space.path("bin"));
  std::filesystem::copy_file(real + "/drover", space.path("bin/drover"));
  space.write("bin/drover-worker", "#!/bin/sh\n[ \"$1\" = --keeper ] || {\n  echo >>tries\n" +
                                       std::string("  [ $(wc -l <tries) -gt 3 ] || exit 7\n}\n") + "exec " +
                                       real + "/drover-worker \"$@\"\n");
  std::filesystem::permissions(space.path("bin/drover-worker"), std::filesystem::perms::owner_all);
  const Ran ran = space.finish(space.start_program(space.path("bin/drover"), {"run", "-k", "-j", "1", "-"},
                                                   {.input = "echo a\necho b\n"}));
  CHECK(ran.out == "a\nb\n");
  CHECK(space.read("tries") == "\n\n\n\n");
  CHECK(times(ran.err, "a worker without a task in hand died (exit 7); it is replaced") == 3);
  CHECK(ran.err == Has("2 tasks: 2 succeeded"));
  CHECK(ran.exit_code == 0);
}

}  // namespace drover::test
