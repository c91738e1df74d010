// Functions that write over the memory which their worker shares with the coordinator. They harm themselves; the run neither
// crashes nor hangs, and nobody else's outcome changes.
#include <set>

#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

// A task's name tells its seed, so a failure can be repeated.
void damage_many(const std::string& then, int first_seed, int seeds) {
  const TestSpace space;
  FunctionJob job;
  std::set<std::string> expected;
  int honest = 0;
  const auto add_honest = [&] {
    const std::string number = std::to_string(++honest);
    // The first task that a damaged worker would have had next is lost with it: nobody can know that it was not begun.
    job.add("honest " + number, "twice", number, then == "return" ? "retries = 20" : "");
    expected.insert("honest " + number + "\t" + std::to_string(2 * honest));
    job.add_command("command " + number, "echo " + number);
    expected.insert("command " + number + "\t" + number);
  };
  for (int seed = first_seed; seed < first_seed + seeds; ++seed) {
    job.add("damage " + std::to_string(seed), "damage_lane", std::to_string(seed) + ", \"" + then + "\"",
            then == "stay" ? "timeout = \"200ms\"\ngrace = \"0s\"" : "");
    add_honest();
  }
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"--tag", "-j", "3", "--timeout", "20s"}));
  CAPTURE(ran.err);
  CHECK((ran.exit_code == 0 || ran.exit_code == 1));
  CHECK(ran.err != Has("broken promise"));
  CHECK(ran.err == Has("drover: " + std::to_string(3 * seeds) + " tasks: "));
  for (const std::string& line : split_lines(ran.err)) {
    if (then != "return") CHECK_MESSAGE(!line.starts_with("drover: task honest"), line);
    CHECK_MESSAGE(!line.starts_with("drover: task command"), line);
  }
  std::set<std::string> printed;
  for (const std::string& line : split_lines(ran.out))
    if (line.starts_with("honest ") || line.starts_with("command ")) CHECK_MESSAGE(printed.insert(line).second, line);
  CHECK(printed == expected);
}

}  // namespace

TEST_CASE("damage to a lane by functions that then return harms nobody else") {
  for (int first = 1000; first < 1200; first += 50) damage_many("return", first, 50);
}

TEST_CASE("damage to a lane by functions that then crash harms nobody else") { damage_many("crash", 2000, 60); }

TEST_CASE("damage to a lane by functions that never return is ended by their timeout and harms nobody else") {
  damage_many("stay", 3000, 25);
}

}  // namespace drover::test
