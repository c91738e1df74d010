// The worker program is another one, or gone, by the time that a worker has to be replaced.
#include "tests/faulty/faulty.hpp"

namespace drover::test {
namespace {

namespace fs = std::filesystem;

// `drover` and an honest worker in a folder of their own, which may be changed.
std::string own_drover(const TestSpace& space) {
  const std::string real = ::getenv("DROVER_BIN");
  fs::create_directory(space.path("bin"));
  for (const char* name : {"/drover", "/drover-worker"}) fs::copy_file(real + name, space.path("bin") + name);
  return space.path("bin/drover");
}

void kill_worker(const Program& program) {
  const auto workers = workers_of(program.pid());
  REQUIRE(workers.size() == 1);
  ::kill(workers.front(), SIGKILL);
}

const std::string kList = lines({"echo first", "echo >up; read x <go", "echo second", "echo third"});

}  // namespace

TEST_CASE("a worker program that is replaced by one of another version ends the run with status 3") {
  const TestSpace space;
  const std::string drover = own_drover(space);
  Fifo up = space.fifo("up");
  const Fifo go = space.fifo("go");
  // The fault is that of the program which comes later.
  Program program = space.start_program(drover, {"run", "-k", "-j", "1", "-"},
                                        {.input = kList, .env = {{"DROVER_FAULT", "other-version"}}});
  up.read_line();
  fs::copy_file(faulty_folder() + "/drover-worker", space.path("next"));
  fs::rename(space.path("next"), space.path("bin/drover-worker"));
  kill_worker(program);
  const Ran ran = space.finish(std::move(program));
  CAPTURE(ran.err);
  CHECK(ran.out == "first\n");
  CHECK(ran.err == Has("task #2 worker lost (SIGKILL)"));
  CHECK(ran.err == Has("bin/drover-worker is of another version, or knows other functions than it said"));
  CHECK(ran.err == Has("4 tasks: 1 succeeded, 1 failed, 2 not run"));
  CHECK(ran.exit_code == 3);
}

TEST_CASE("a worker program that is replaced by one of the same version goes on with the run") {
  const TestSpace space;
  const std::string drover = own_drover(space);
  Fifo up = space.fifo("up");
  const Fifo go = space.fifo("go");
  Program program = space.start_program(drover, {"run", "-k", "-j", "1", "-"}, {.input = kList});
  up.read_line();
  fs::copy_file(faulty_folder() + "/drover-worker", space.path("next"));
  fs::rename(space.path("next"), space.path("bin/drover-worker"));
  kill_worker(program);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "first\nsecond\nthird\n");
  CHECK(ran.err == Has("4 tasks: 3 succeeded, 1 failed"));
  CHECK(ran.exit_code == 1);
}

TEST_CASE("a worker program that is deleted is missed when a worker is replaced, and named with status 3") {
  const TestSpace space;
  const std::string drover = own_drover(space);
  Fifo up = space.fifo("up");
  const Fifo go = space.fifo("go");
  Program program = space.start_program(drover, {"run", "-k", "-j", "1", "-"}, {.input = kList});
  up.read_line();
  fs::remove(space.path("bin/drover-worker"));
  kill_worker(program);
  const Ran ran = space.finish(std::move(program));
  CAPTURE(ran.err);
  CHECK(ran.out == "first\n");
  CHECK(ran.err == Has("workers keep dying before they do anything"));
  CHECK(ran.err == Has("bin/drover-worker: No such file or directory"));
  CHECK(ran.err == Has("4 tasks: 1 succeeded, 1 failed, 2 not run"));
  CHECK(ran.exit_code == 3);
}

}  // namespace drover::test
