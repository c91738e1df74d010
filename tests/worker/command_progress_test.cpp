// The lines that a task writes about its progress.
#include "tests/worker/command_fixture.hpp"
#include "worker/command/progress_lines.hpp"

using namespace drover;
using namespace drover::command_test;

namespace {

std::optional<Progress> progress(std::uint64_t done, std::uint64_t total, std::string text = {}) {
  return Progress{done, total, std::move(text)};
}

}  // namespace

TEST_CASE("a progress line is a percentage or a count, with or without a text") {
  CHECK(parse_progress("40%") == progress(40, 100));
  CHECK(parse_progress("12/300") == progress(12, 300));
  CHECK(parse_progress("12/300 unpacking files") == progress(12, 300, "unpacking files"));
  CHECK(parse_progress("100% done") == progress(100, 100, "done"));
  CHECK(parse_progress("12.7%") == progress(12, 100));
  CHECK(parse_progress("  7 / 9\ttext of two  ") == progress(7, 9, "text of two"));
  CHECK(parse_progress("18446744073709551615/18446744073709551615") ==
        progress(18446744073709551615U, 18446744073709551615U));
}

TEST_CASE("what is no progress is skipped") {
  for (const char* line :
       {"", " ", "hello", "40", "40 %x", "101%", "-1%", "+1%", "/3", "3/", "1/0", "1/2x", "1.5/3", "1.%",
        "18446744073709551616/18446744073709551617", "% 40", "1//2", "0x10/20"}) {
    CAPTURE(line);
    CHECK(parse_progress(line) == std::nullopt);
  }
}

TEST_CASE("a progress line may come in pieces of any size") {
  const std::string bytes = "1/9 one\nnonsense\r\n2/9 two\r3/9 three";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    CAPTURE(size);
    ProgressLines lines;
    std::vector<Progress> seen;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      if (auto last = lines.feed(std::string_view(bytes).substr(at, size))) seen.push_back(*last);
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.back() == *progress(2, 9, "two"));
    if (size == 1) CHECK(seen.size() == 2);
    CHECK(lines.finish() == progress(3, 9, "three"));
    CHECK(lines.finish() == std::nullopt);
  }
}

TEST_CASE("a progress line without an end is cut off, and the next one is read") {
  ProgressLines lines;
  CHECK(lines.feed("1/2 " + std::string(100'000, 'x')) == std::nullopt);
  const auto last = lines.feed("\n");
  REQUIRE(last.has_value());
  CHECK(last->text == std::string(ProgressLines::kMostLine - 4, 'x'));
  CHECK(lines.feed("2/2\n") == progress(2, 2));
}

TEST_CASE("a task's progress is told while it runs, wherever its lines were cut") {
  const TestFolder folder;
  const std::string cue = folder.fifo("cue");
  TestControl control;
  control.when_progress = [&] {
    if (control.progress.size() == 1) std::ofstream(cue) << "go on\n";  // waits until the task reads
  };
  const CommandResult result =
      run(script("echo 40% >&$DROVER_PROGRESS_FD; cat " + cue +
                 "; printf '12/3' >&$DROVER_PROGRESS_FD; printf '00 unpacking\\n' >&$DROVER_PROGRESS_FD"),
          control);
  CHECK(result.outcome.succeeded());
  CHECK(control.progress == std::vector<std::string>{"40/100", "12/300 unpacking"});
  CHECK(result.out.head == "go on\n");
}

TEST_CASE("the last word of a task counts, though it has no line's end") {
  TestControl control;
  CHECK(run(script("printf 100%% >&7"), control).outcome.succeeded());
  CHECK(control.progress == std::vector<std::string>{"100/100"});
}

TEST_CASE("a task that floods its progress pipe is not held up by it") {
  TestControl control;
  const CommandResult result = run(script("head -c 3000000 /dev/zero >&7; echo 1/2 >&7"), control);
  CHECK(result.outcome.succeeded());
  CHECK(control.progress.empty());  // the zeros are part of that line
}

TEST_CASE("what a task did to its progress pipe is not seen by the next") {
  const std::string perl = "perl -MFcntl -e 'open my $fd, \">&=7\" or die; ";
  TestControl control;
  const CommandResult first =
      run(script(perl + "fcntl($fd, F_SETFL, O_WRONLY|O_NONBLOCK) or die'; printf 1/2 >&7"), control);
  CHECK_MESSAGE(first.outcome.succeeded(), first.err.head);
  const CommandResult second =
      run(script(perl + "exit(fcntl($fd, F_GETFL, 0) & O_NONBLOCK ? 1 : 0)'"), control);
  CHECK_MESSAGE(second.outcome.succeeded(), second.err.head);
  CHECK(control.progress == std::vector<std::string>{"1/2"});
}
