// Functions that write over the memory which their worker shares with the coordinator. The run neither
// crashes nor hangs, and no other task's outcome changes: not of other workers' tasks, and not of neighbours
// in the damaged lane, which may run again but are not charged.
#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

// A task's name tells its seed, so a failure can be repeated. `then` is what it does after the damage.
void damage_many(const std::string& then, int first_seed, int seeds) {
  const TestSpace space;
  FunctionJob job;
  for (int i = 0; i < seeds; ++i) {
    const std::string seed = std::to_string(first_seed + i);
    job.add("damage " + seed, "damage_lane", seed + ", \"" + then + "\"",
            then == "stay" ? "timeout = \"200ms\"\ngrace = \"0s\"" : "");
    job.add("neighbour " + seed, "twice", seed);
    job.add_command("command " + seed, "echo " + seed);
  }
  space.write("job.toml", job.text());
  // Bytes that nobody chose cannot be told from a function that never returns: hence the timeout.
  const Ran ran = space.run(with_plugin({"--tag", "-j", "3", "--timeout", "10s"}));
  CAPTURE(ran.err);
  CHECK((ran.exit_code == 0 || ran.exit_code == 1));
  CHECK(ran.err != Has("broken promise: "));
  CHECK(ran.err == Has("drover: " + std::to_string(3 * seeds) + " tasks: "));
  CHECK(ran.err != Has("not run"));
  for (int i = 0; i < seeds; ++i) {
    const std::string seed = std::to_string(first_seed + i);
    CHECK(ran.out == Has("command " + seed + "\t" + seed + "\n"));
    CHECK(ran.err != Has("task command " + seed));
    CHECK(ran.out == Has("neighbour " + seed + "\t" + std::to_string(2 * (first_seed + i)) + "\n"));
    CHECK(ran.err != Has("task neighbour " + seed + " "));
    const bool told = ran.out == Has("damage " + seed + "\t") || ran.err == Has("task damage " + seed + " ");
    CHECK_MESSAGE(told, "damage " << seed);
  }
}

}  // namespace

TEST_CASE("damage to a lane by functions that then return harms no other worker and loses no task") {
  for (int first = 1000; first < 1200; first += 50) damage_many("return", first, 50);
}

TEST_CASE("damage to a lane by functions that then crash harms no other worker and loses no task") {
  damage_many("crash", 2000, 60);
}

TEST_CASE("damage to a lane by functions that never return is ended by their timeout") {
  damage_many("stay", 3000, 25);
}

TEST_CASE("a worker whose claim word is gone is found out, though it sleeps and nobody has a timeout") {
  const TestSpace space;
  FunctionJob job;
  // Seed 4 fills the lane with zeros: the worker then believes that it was given nothing.
  for (int i = 0; i < 20; ++i) {
    job.add("damage " + std::to_string(i), "damage_lane", "4, \"return\"");
    job.add("next " + std::to_string(i), "twice", "1");
  }
  space.write("job.toml", job.text());
  const Ran ran = space.run(with_plugin({"-j", "1"}));
  CHECK(ran.err == Has("drover: 40 tasks: "));
  CHECK(ran.err != Has("not run"));
}

}  // namespace drover::test
