#include <sys/stat.h>

#include "tests/runner/view_testing.hpp"

using namespace drover;
using namespace drover::view_testing;

namespace {

// The files of a live task: the worker's end, and what the stage gets.
struct LiveFiles {
  UniqueFd out = memory_file();
  UniqueFd err = memory_file();

  void go_live(const Stage& stage, TaskId task) const {
    stage->live(task, UniqueFd(::dup(out.get())), UniqueFd(::dup(err.get())));
  }
  void print(const Stage& stage, TaskId task, std::string_view text, std::string_view err_text = {}) const {
    append(out.get(), text);
    append(err.get(), err_text);
    stage->grown(task, content_of(out.get()).size(), content_of(err.get()).size());
  }
  void end(const Stage& stage, TaskId task, bool final = true) const {
    stage->end(task, sized(content_of(out.get()).size()), sized(content_of(err.get()).size()), final);
  }
};

}  // namespace

TEST_CASE("with keep-order the first unfinished task is asked for, and its output is live") {
  Pipe pipe;
  Stage stage(in_order(), pipe.write_end.get());
  stage->begin(1, "");
  stage->begin(2, "");
  stage.asked.wait();
  CHECK(stage->wanted_live() == 1);
  LiveFiles files;
  files.go_live(stage, 1);
  files.print(stage, 1, "half a li");
  CHECK(pipe.read(9) == "half a li");
  CHECK_FALSE(stage->wanted_live());
  files.print(stage, 1, "ne\n");
  CHECK(pipe.read(3) == "ne\n");

  stage.end(3, "three\n");
  append(files.out.get(), "the rest\n");
  files.end(stage, 1);
  CHECK(pipe.read(9) == "the rest\n");

  SUBCASE("then the next one is") {
    stage.asked.wait();
    CHECK(stage->wanted_live() == 2);
    stage.end(2, "ended before it went live\n");
    CHECK(pipe.read(32) == "ended before it went live\nthree\n");
    stage->finish();
    CHECK_FALSE(stage->wanted_live());
  }
}

TEST_CASE("the head is asked for when those before it have ended") {
  Stage stage(in_order());
  stage->begin(2, "");
  stage->nothing(1);
  stage.asked.wait();
  CHECK(stage->wanted_live() == 2);
}

TEST_CASE("a head that is retried is asked for again") {
  Stage stage(in_order());
  stage->begin(1, "");
  stage.asked.wait();
  stage.end(1, "failed try\n", "", false);
  stage->begin(1, "");
  stage.asked.wait();
  CHECK(stage->wanted_live() == 1);
  stage.end(1, "one\n");
  CHECK(stage.out_text() == "one\n");
}

TEST_CASE("what was shown live of an attempt that will be retried is completed") {
  Stage stage(in_order());
  stage->begin(1, "");
  LiveFiles first;
  first.go_live(stage, 1);
  first.print(stage, 1, "first ");
  append(first.out.get(), "try\n");
  first.end(stage, 1, false);
  stage->begin(1, "");
  stage.end(1, "second try\n");
  CHECK(stage.out_text() == "first try\nsecond try\n");
}

TEST_CASE("live output that nothing was shown of is dropped with an attempt that will be retried") {
  Stage stage(in_order());
  stage->begin(1, "");
  LiveFiles second;
  stage->begin(2, "");
  second.go_live(stage, 2);
  second.print(stage, 2, "of the first try\n");
  second.end(stage, 2, false);
  stage.end(2, "two\n");
  stage.end(1, "one\n");
  CHECK(stage.out_text() == "one\ntwo\n");
  CHECK(stage->load().bytes == 0);
  CHECK(stage->load().files == 0);
}

TEST_CASE("a task that went live before its turn waits in its files") {
  Pipe pipe;
  Stage stage(in_order(), pipe.write_end.get());
  stage->begin(1, "");
  stage->begin(2, "");
  LiveFiles files;
  files.go_live(stage, 2);
  files.print(stage, 2, "two\n");
  stage.end(1, "one\n");
  CHECK(pipe.read(8) == "one\ntwo\n");
  files.print(stage, 2, "more\n");
  CHECK(pipe.read(5) == "more\n");
}

TEST_CASE("in line mode tasks mix by whole lines, and an unfinished one comes at the end as it is") {
  Pipe pipe;
  Stage stage({.mode = OutputOptions::Mode::Line}, pipe.write_end.get());
  LiveFiles one, two;
  one.go_live(stage, 1);
  two.go_live(stage, 2);
  one.print(stage, 1, "1a\n1b");
  CHECK(pipe.read(3) == "1a\n");
  two.print(stage, 2, "2a\n");
  CHECK(pipe.read(3) == "2a\n");
  one.print(stage, 1, "b");
  one.print(stage, 1, "b\n1c");
  CHECK(pipe.read(5) == "1bbb\n");
  one.end(stage, 1);
  CHECK(pipe.read(2) == "1c");
  two.end(stage, 2);
  stage.end(3, "never live\n");
  CHECK(pipe.read(11) == "never live\n");
}

TEST_CASE("in line mode a line longer than any block comes whole") {
  Pipe pipe;
  Stage stage({.mode = OutputOptions::Mode::Line}, pipe.write_end.get());
  LiveFiles one, two;
  one.go_live(stage, 1);
  two.go_live(stage, 2);
  const std::string half(400'000, 'x');
  one.print(stage, 1, half);
  two.print(stage, 2, "2\n");
  CHECK(pipe.read(2) == "2\n");
  one.print(stage, 1, half + "\n");
  CHECK(pipe.read(800'001) == half + half + "\n");
}

TEST_CASE("in line mode every attempt is shown") {
  Stage stage({.mode = OutputOptions::Mode::Line});
  stage.end(1, "first try\n", "", false);
  stage.end(1, "second try\n");
  CHECK(stage.out_text() == "first try\nsecond try\n");
}

TEST_CASE("line mode with keep-order shows the head by lines and lets the others wait") {
  Pipe pipe;
  OutputOptions options = in_order();
  options.mode = OutputOptions::Mode::Line;
  Stage stage(options, pipe.write_end.get());
  LiveFiles one, two;
  stage->begin(1, "");
  stage->begin(2, "");
  one.go_live(stage, 1);
  two.go_live(stage, 2);
  two.print(stage, 2, "2a\n2b");
  one.print(stage, 1, "1a\n1b");
  CHECK(pipe.read(3) == "1a\n");
  one.end(stage, 1);
  CHECK(pipe.read(5) == "1b2a\n");
  two.end(stage, 2);
  CHECK(pipe.read(2) == "2b");
}

TEST_CASE("a tag stands before each line of both streams") {
  Stage stage({.tag = true});
  stage->begin(1, "one");
  stage.end(1, "a\n\nb", "e\n");
  stage->begin(2, "two");
  stage->end(2, spooled("c\nd\n"), printed(""), true);
  CHECK(stage.out_text() == "one\ta\none\t\none\tbtwo\tc\ntwo\td\n");
  CHECK(stage.err_text() == "one\te\n");
}

TEST_CASE("a tag cannot smuggle control characters or newlines") {
  Stage stage({.tag = true});
  stage->begin(1, "a\nb\033[2J");
  stage.end(1, "x\n");
  CHECK(stage.out_text() == "a\\x0ab\\x1b[2J\tx\n");
}

TEST_CASE("a tagged head comes by whole lines, and a line in parts gets one tag") {
  Pipe pipe;
  OutputOptions options = in_order();
  options.tag = true;
  Stage stage(options, pipe.write_end.get());
  stage->begin(1, "one");
  LiveFiles files;
  files.go_live(stage, 1);
  files.print(stage, 1, "a");
  files.print(stage, 1, "b\nc");
  CHECK(pipe.read(7) == "one\tab\n");
  files.print(stage, 1, "d");
  files.end(stage, 1);
  CHECK(pipe.read(6) == "one\tcd");
}

TEST_CASE("a tag is put once before a line that crosses the blocks in which a file is read") {
  Stage stage({.tag = true});
  const std::string line(300'000, 'x');
  stage->begin(1, "t");
  stage->end(1, spooled(line + "\n" + line), printed(""), true);
  CHECK(stage.out_text() == "t\t" + line + "\nt\t" + line);
}

TEST_CASE("an endless live stream does not fill the disk: what was read is given back") {
  Pipe pipe;
  Stage stage(in_order(), pipe.write_end.get());
  stage->begin(1, "");
  auto made = make_unnamed_file();
  REQUIRE(made.ok());
  const UniqueFd file = std::move(*made);
  stage->live(1, UniqueFd(::dup(file.get())), memory_file());
  const std::string piece = many_lines(1 << 20, "x");
  constexpr std::uint64_t kPieces = 24;
  for (std::uint64_t i = 1; i <= kPieces; ++i) {
    append(file.get(), piece);
    stage->grown(1, i << 20, 0);
    REQUIRE(pipe.read(piece.size()) == piece);
  }
  stage->end(1, sized(kPieces << 20), sized(0), true);
  stage->finish();
  struct stat info {};
  REQUIRE(::fstat(file.get(), &info) == 0);
  CHECK(static_cast<std::uint64_t>(info.st_size) == kPieces << 20);
  CHECK(static_cast<std::uint64_t>(info.st_blocks) * 512 < std::uint64_t{4} << 20);
  std::string tail(4096, '\0');
  REQUIRE(::pread(file.get(), tail.data(), tail.size(), (kPieces << 20) - 4096) == 4096);
  CHECK(tail == piece.substr(piece.size() - 4096));
}
