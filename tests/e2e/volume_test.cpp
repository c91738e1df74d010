// Much of something: output, tasks, input. Memory stays where it is.
#include "tests/e2e/test_space.hpp"
#include "tests/sanitized.hpp"

namespace drover::test {
namespace {

// A sanitizer's shadow and quarantine are not what drover holds.
constexpr long kMemoryBoundKib = kSanitized ? 1024 * 1024 : 64 * 1024;

}  // namespace

TEST_CASE("two gigabytes of one task pass through, and neither drover nor its worker holds them") {
  const TestSpace space;
  Fifo up = space.fifo("up"), go = space.fifo("go");
  std::uint64_t got = 0, nonzero = 0;
  Program program = space.start({"run", "-k", "-j", "1", "-"},
                                {.input = lines({"head -c 2000000000 /dev/zero", "echo >up; read x <go"}),
                                 .take_out = [&](std::string_view piece) {
                                   got += piece.size();
                                   nonzero += piece.find_first_not_of('\0') == std::string_view::npos ? 0 : 1;
                                 }});
  REQUIRE(program.wait_for_readable(up.fd()));
  const auto workers = workers_of(program.pid());
  CHECK_FALSE(workers.empty());
  for (const pid_t worker : workers) CHECK(peak_memory_kib(worker) < kMemoryBoundKib);
  go.write_line();
  const Ran ran = space.finish(std::move(program));
  CHECK(got == 2'000'000'000);
  CHECK(nonzero == 0);
  CHECK(ran.usage.ru_maxrss < kMemoryBoundKib);
  CHECK(ran.exit_code == 0);
}

TEST_CASE("who reads slowly holds no task up") {
  const TestSpace space;
  Fifo ended = space.fifo("ended");
  Program program = space.start(
      {"run", "-j", "2", "-"},
      {.input = lines({"head -c 5000000 /dev/zero; echo >ended", "head -c 5000000 /dev/zero; echo >ended",
                       "head -c 5000000 /dev/zero; echo >ended"})});
  ended.read_lines(3);  // nothing of what drover prints has been read
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out.size() == 15'000'000);
  CHECK(ran.exit_code == 0);
}

TEST_CASE("the first task of a stream starts before the last line is written") {
  const TestSpace space;
  Program program = space.start({"run", "-"}, {.input = "echo first\n", .keep_input_open = true});
  program.wait_for_out("first\n");
  program.write_input("echo sec");
  program.write_input("ond\necho third");
  program.wait_for_out("second\n");
  program.close_input();
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.out == "first\nsecond\nthird\n");
  CHECK(ran.exit_code == 0);
}

TEST_CASE("of a list of a million lines only as much is held as is under way") {
  const TestSpace space;
  std::string list;
  list.reserve(15'000'000);
  for (int i = 1; i <= 1'000'000; ++i) list += "echo line " + std::to_string(i) + "\n";
  space.write("list.txt", list);
  list = {};
  Program program = space.start({"run", "-k", "list.txt"});
  program.wait_for_out("line 3000\n");
  program.signal(SIGTERM);
  const Ran ran = space.finish(std::move(program));
  CHECK(ran.signal == SIGTERM);
  CHECK(ran.out.starts_with("line 1\nline 2\nline 3\n"));
  CHECK(ran.usage.ru_maxrss < kMemoryBoundKib);
}

TEST_CASE("thousands of short commands, each exactly once and in order") {
  const TestSpace space;
  std::string list, expected;
  for (int i = 1; i <= 5000; ++i) {
    list += "echo " + std::to_string(i) + "\n";
    expected += std::to_string(i) + "\n";
  }
  const Ran ran = space.run({"run", "-k", "-"}, {.input = list});
  CHECK((ran.out == expected));
  CHECK(ran.err == Has("5000 tasks: 5000 succeeded"));
}

TEST_CASE("a line of half a megabyte reaches its command whole") {
  const TestSpace space;
  // One word of a command line can be 128 KiB long: several, then.
  std::string line = "printf %s";
  const std::string word(100'000, 'x');
  for (int i = 0; i < 5; ++i) line += " " + word;
  const Ran ran = space.run({"run", "-"}, {.input = line + "\n"});
  CHECK(ran.out.size() == 500'000);
  CHECK(ran.exit_code == 0);
}

}  // namespace drover::test
