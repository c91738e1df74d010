#include <dirent.h>
#include <signal.h>

#include <algorithm>

#include "tests/runner/view_testing.hpp"

using namespace drover;
using namespace drover::view_testing;

namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::size_t open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

}  // namespace

TEST_CASE("50 MB for a reader that sleeps wait in a file, not in memory, and come whole") {
  Pipe pipe;
  OutputOptions options{.memory_limit = kMiB};
  SUBCASE("as tasks end") {}
  SUBCASE("in order") {
    options.keep_order = true;
  }
  SUBCASE("tagged") {
    options.tag = true;
  }
  Stage stage(options, pipe.write_end.get());
  constexpr TaskId kTasks = 1000;
  std::string expected;
  std::uint64_t most = 0;
  for (TaskId task = 1; task <= kTasks; ++task) {
    if (stage->full()) stage.drained.wait();
    const std::string text = many_lines(50'000, std::to_string(task)) + "\n";
    stage->begin(task, "t");
    stage.end(task, text);
    most = std::max(most, stage->load().memory);
    if (!options.tag) {
      expected += text;
      continue;
    }
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at) + 1;
      expected += "t\t" + text.substr(at, end - at);
      at = end;
    }
  }
  CHECK(most < 2 * kMiB + 100'000);
  CHECK(stage->load().bytes > 49'000'000);
  CHECK((pipe.read(expected.size()) == expected));
  stage->finish();
  const OutputLoad left = stage->load();
  CHECK(left.bytes == 0);
  CHECK(left.memory == 0);
  CHECK(left.tasks == 0);
}

TEST_CASE(
    "with keep-order what waits for the head beyond the memory's limit is put away and comes in order") {
  Stage stage({.keep_order = true, .memory_limit = 64 * 1024});
  std::string expected = "one\n";
  for (TaskId task = 2; task <= 400; ++task) {
    if (stage->full()) stage.drained.wait();
    const std::string text = many_lines(3000, std::to_string(task));
    stage.end(task, text, "err " + std::to_string(task) + "\n");
    expected += text;
  }
  CHECK(stage->load().memory < 2 * 64 * 1024 + 8000);
  stage.end(1, "one\n");
  CHECK((stage.out_text() == expected));
  CHECK(stage.err_text().substr(0, 12) == "err 2\nerr 3\n");
  CHECK(stage->load().bytes == 0);
}

TEST_CASE("many tasks whose output waits in files do not use up the descriptors") {
  const std::size_t before = open_descriptors();
  Stage stage({.keep_order = true});
  std::string expected = "one\n";
  for (TaskId task = 2; task <= 1000; ++task) {
    if (stage->full()) stage.drained.wait();
    const std::string text = "task " + std::to_string(task) + "\n";
    stage->end(task, spooled(text), spooled("e"), true);
    expected += text;
    REQUIRE(open_descriptors() < before + OutputQueue::kMostFiles + 50);
  }
  stage.end(1, "one\n");
  CHECK((stage.out_text() == expected));
  CHECK(stage.err_text() == std::string(999, 'e'));
}

TEST_CASE("the stage is full when more bytes wait than its limits, until a quarter is free again") {
  Pipe pipe;
  Stage stage({.memory_limit = 64 * 1024, .spool_limit = kMiB}, pipe.write_end.get());
  const std::string text = many_lines(kMiB / 2, "x");
  stage->end(1, spooled(text), printed(""), true);
  CHECK_FALSE(stage->full());
  stage->end(2, spooled(text), printed(""), true);
  stage->end(3, spooled(text), printed(""), true);
  CHECK(stage->full());
  // A byte of the second has come: the first is off the account, which is below the limit, but not far
  // enough.
  CHECK((pipe.read(text.size() + 1) == text + text[0]));
  CHECK(stage->full());
  CHECK(stage.drained.rings() == 0);
  CHECK(pipe.read(2 * text.size() - 1).size() == 2 * text.size() - 1);
  stage.drained.wait();
  CHECK_FALSE(stage->full());
}

TEST_CASE("the stage is full when too many tasks wait, with output or without") {
  Stage stage({.keep_order = true, .memory_limit = 256 * kMiB});
  for (TaskId task = 2; task <= OutputQueue::kMostTasks + 1; ++task) {
    if (task % 2 == 0) {
      stage->nothing(task);
    } else {
      stage.end(task, "x");
    }
  }
  CHECK_FALSE(stage->full());
  stage->nothing(OutputQueue::kMostTasks + 2);
  CHECK(stage->full());
  stage->nothing(1);
  stage.drained.wait();
  CHECK_FALSE(stage->full());
  CHECK(stage.out_text() == std::string(OutputQueue::kMostTasks / 2, 'x'));
  CHECK(stage->load().tasks == 0);
}

TEST_CASE("live output that nobody reads counts as waiting") {
  Pipe pipe;
  Stage stage({.keep_order = true, .memory_limit = 64 * 1024, .spool_limit = kMiB}, pipe.write_end.get());
  stage->begin(1, "");
  stage->live(1, memory_file(many_lines(2 * kMiB, "x")), memory_file());
  stage->grown(1, 2 * kMiB, 0);
  // The pipe holds 64 KiB: once a byte has come, the growth is on the account.
  REQUIRE(pipe.read(1) == "x");
  CHECK(stage->full());
  REQUIRE(pipe.read(2 * kMiB - 1).size() == 2 * kMiB - 1);
  stage.drained.wait();
  CHECK_FALSE(stage->full());
}

TEST_CASE("a reader that has gone is told once, and is no signal for the host") {
  Pipe pipe;
  pipe.read_end.reset();
  Stage stage({}, pipe.write_end.get());
  SUBCASE("small output") {
    stage.end(1, "x\n", "err 1\n");
  }
  SUBCASE("output in a file") {
    stage->end(1, spooled(many_lines(100'000, "x")), printed("err 1\n"), true);
  }
  stage.broke.wait();
  CHECK(stage->broken());
  CHECK(stage->failure().code == EPIPE);
  CHECK(stage->failure().text() == "write standard output: Broken pipe");
  stage.end(2, "y\n", "err 2\n");
  // The other descriptor goes on.
  CHECK(stage.err_text() == "err 1\nerr 2\n");
  CHECK(stage.broke.rings() == 0);
  CHECK(stage->load().bytes == 0);
}

TEST_CASE("a reader that goes in the middle frees what waits") {
  Pipe pipe;
  Stage stage({}, pipe.write_end.get());
  stage.end(1, many_lines(kMiB, "x"));
  stage->end(2, spooled(many_lines(kMiB, "x")), printed(""), true);
  REQUIRE(pipe.read(10).size() == 10);
  pipe.read_end.reset();
  stage.broke.wait();
  stage->finish();
  CHECK(stage->load().bytes == 0);
  CHECK(stage->load().files == 0);
}

TEST_CASE("a full disk is told like a reader that has gone") {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  Stage stage({}, full.get());
  stage.end(1, "x\n");
  stage.broke.wait();
  CHECK(stage->failure().code == ENOSPC);
}

TEST_CASE("notes that cannot be written break nothing") {
  Pipe pipe;
  pipe.read_end.reset();
  Stage stage({}, -1, pipe.write_end.get());
  stage->note("drover: to nobody");
  stage.end(1, "one\n");
  CHECK(stage.out_text() == "one\n");
  CHECK_FALSE(stage->broken());
}

TEST_CASE("output may be given up while a reader sleeps") {
  Pipe pipe;
  Stage stage({}, pipe.write_end.get());
  stage.end(1, many_lines(kMiB, "x"));
  // It is held up by the full pipe now.
  REQUIRE(pipe.read(1).size() == 1);
  stage->abandon();
  stage->finish();
  CHECK(stage->load().bytes == 0);
  CHECK_FALSE(stage->broken());
}

TEST_CASE(
    "signals are for the host's own threads: the stage's has all blocked, and the caller's mask stays") {
  sigset_t before, after, inside;
  ::sigemptyset(&inside);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
  const UniqueFd out = memory_file();
  OutputOptions options;
  options.out_fd = options.err_fd = out.get();
  auto stage = OutputStage::start(
      options, {.on_closed = [&inside] { ::pthread_sigmask(SIG_BLOCK, nullptr, &inside); }});
  REQUIRE(stage.ok());
  ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
  (*stage)->finish();
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD, SIGUSR1}) {
    CAPTURE(signal);
    CHECK(::sigismember(&inside, signal) == 1);
    CHECK(::sigismember(&after, signal) == ::sigismember(&before, signal));
  }
}
