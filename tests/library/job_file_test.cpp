// Job files through the library: the same tasks as the command runs.
#include <doctest/doctest.h>

#include <stdlib.h>

#include <cstdint>
#include <fstream>
#include <string>

#include <drover/drover.hpp>

namespace {

std::int64_t only_here(std::int64_t number) {
  return number + 1;
}
DROVER_FUNCTION(only_here)

// A folder of its own, left at the end.
class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_) != nullptr); }
  ~Folder() { (void)!::system(("rm -rf " + std::string(path_)).c_str()); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(const std::string& name) const { return std::string(path_) + "/" + name; }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  char path_[32] = "/tmp/drover-library-XXXXXX";
};

}  // namespace

TEST_CASE("a job file runs its commands and the functions of this program, in the order of its graph") {
  const Folder folder;
  drover::Coordinator coordinator({.workers = 2, .output = drover::FunctionOutput::Keep});
  const auto job = drover::JobFile::parse(R"(
[[task]]
name = "last"
command = "sh -c 'echo last >>)" + folder.path("log") +
                                          R"('"
after = ["first", "function", "primes"]
[[task]]
name = "first"
command = "sh -c 'echo first >>)" + folder.path("log") +
                                          R"('"
[[task]]
name = "function"
function = "only_here"
args = [1]
[[task]]
name = "primes"
function = "count_primes"
args = [1, 100]
)");
  for (int time = 1; time <= 2; ++time) {
    const drover::JobReport report = coordinator.run(job);
    CHECK(report.succeeded());
    CHECK(report.tasks == 4);
    CHECK(report.failed.empty());
  }
  CHECK(folder.read("log") == "first\nlast\nfirst\nlast\n");
  CHECK(coordinator.submit<&only_here>(1).get() == 2);
}

TEST_CASE("what did not succeed is reported by name, with its outcome") {
  drover::Coordinator coordinator({.workers = 2, .output = drover::FunctionOutput::Keep});
  const drover::JobReport report = coordinator.run(drover::JobFile::parse(R"(
[[task]]
name = "bad"
command = "sh -c 'exit 3'"
[[task]]
name = "killed"
command = ["sh", "-c", "kill -9 $$"]
[[task]]
name = "never"
command = "true"
after = "bad"
[[task]]
name = "good"
command = "true"
)"));
  CHECK_FALSE(report.succeeded());
  CHECK(report.tasks == 4);
  CHECK(report.tasks_succeeded == 1);
  CHECK(report.tasks_failed == 2);
  CHECK(report.tasks_skipped == 1);
  REQUIRE(report.failed.size() == 2);
  for (const drover::JobTask& task : report.failed) {
    if (task.name == "bad") {
      CHECK(task.outcome == "failed (exit 3)");
      CHECK(task.exit_code == 3);
    } else {
      CHECK(task.name == "killed");
      CHECK(task.outcome == "signaled (SIGKILL)");
      CHECK(task.signal == 9);
    }
    CHECK(task.attempts == 1);
  }
}

TEST_CASE("all mistakes of a job file are told at once, with line and column, and nothing runs") {
  CHECK_THROWS_AS(drover::JobFile::load("/nonexistent.toml"), drover::JobFileError);
  try {
    (void)drover::JobFile::parse("[[task]]\ncommand = \"true\"\nretries = -1\n[[task]]\ncomand = \"x\"\n",
                                 "my.toml");
    FAIL("it did not throw");
  } catch (const drover::JobFileError& mistakes) {
    const std::string text = mistakes.what();
    CHECK(text.find("my.toml:3:") != std::string::npos);
    CHECK(text.find("my.toml:5:") != std::string::npos);
  }
  drover::Coordinator coordinator({.workers = 1});
  const auto unknown = drover::JobFile::parse("[[task]]\nfunction = \"only_ther\"\n", "my.toml");
  CHECK_THROWS_WITH_AS(coordinator.run(unknown), doctest::Contains("my.toml:2:12"), drover::JobFileError);
}

TEST_CASE("a list of commands is read while it runs, once") {
  const Folder folder;
  std::ofstream(folder.path("list.txt")) << "true\n# a comment\nsh -c 'exit 1'\ntrue\n";
  drover::Coordinator coordinator({.workers = 2, .output = drover::FunctionOutput::Keep});
  const auto list = drover::JobFile::load(folder.path("list.txt"));
  const drover::JobReport report = coordinator.run(list);
  CHECK(report.tasks == 3);
  CHECK(report.tasks_succeeded == 2);
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed.front().name == "#2");
  CHECK_THROWS_AS(coordinator.run(list), drover::JobFileError);
}
