#include <sys/socket.h>

#include <thread>

#include "tests/runner/view_testing.hpp"

using namespace drover;
using namespace drover::view_testing;

TEST_CASE("grouped output comes in the order in which tasks end, each stream to its own descriptor") {
  Stage stage;
  stage->begin(1, "#1");
  stage->begin(2, "#2");
  stage.end(2, "two\n", "err two\n");
  stage.end(1, "one\n", "err one\n");
  CHECK(stage.out_text() == "two\none\n");
  CHECK(stage.err_text() == "err two\nerr one\n");
}

TEST_CASE("on one descriptor a task's stdout comes before its stderr, and no other task's between") {
  const UniqueFd both = memory_file();
  Stage stage({}, both.get(), both.get());
  stage.end(2, "out 2\n", "err 2\n");
  stage.end(1, "out 1\n", "err 1\n");
  stage->finish();
  CHECK(content_of(both.get()) == "out 2\nerr 2\nout 1\nerr 1\n");
}

TEST_CASE("bytes are unchanged: no newline is added, zeros pass") {
  Stage stage;
  stage.end(1, std::string("a\0b", 3));
  stage.end(2, "c");
  CHECK(stage.out_text() == std::string("a\0bc", 4));
}

TEST_CASE("grouped output of an attempt that will be retried is dropped") {
  Stage stage;
  stage.end(1, "first try\n", "oops\n", false);
  stage.end(1, "second try\n", "", true);
  CHECK(stage.out_text() == "second try\n");
  CHECK(stage.err_text().empty());
}

TEST_CASE("output in a file is written whole, to every kind of target") {
  const std::string text = many_lines(700'000, "line");
  SUBCASE("a file") {
    Stage stage;
    stage.end(1, "before\n");
    stage->end(2, spooled(text), printed(""), true);
    stage.end(3, "after\n");
    CHECK(stage.out_text() == "before\n" + text + "after\n");
  }
  SUBCASE("a file opened for appending") {
    const UniqueFd target = memory_file();
    REQUIRE(::fcntl(target.get(), F_SETFL, O_APPEND) == 0);
    Stage stage({}, target.get());
    stage->end(1, spooled(text), printed(""), true);
    stage.end(2, "after\n");
    stage->finish();
    CHECK(content_of(target.get()) == text + "after\n");
  }
  SUBCASE("a pipe") {
    Pipe pipe;
    Stage stage({}, pipe.write_end.get());
    stage.end(1, "before\n");
    stage->end(2, spooled(text), printed(""), true);
    stage.end(3, "after\n");
    CHECK(pipe.read(text.size() + 13) == "before\n" + text + "after\n");
  }
  SUBCASE("a socket") {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    Pipe ends;
    ends.read_end.reset(fds[0]);
    ends.write_end.reset(fds[1]);
    Stage stage({}, ends.write_end.get());
    stage->end(1, spooled(text), printed(""), true);
    CHECK(ends.read(text.size()) == text);
  }
}

TEST_CASE("the targets' flags stay as they were: O_NONBLOCK would leak into the user's shell") {
  Pipe pipe;
  const int before = ::fcntl(pipe.write_end.get(), F_GETFL);
  Stage stage({}, pipe.write_end.get());
  stage.end(1, "x");
  CHECK(pipe.read(1) == "x");
  CHECK(::fcntl(pipe.write_end.get(), F_GETFL) == before);
}

TEST_CASE("a target that somebody else made non-blocking still gets everything") {
  Pipe pipe;
  REQUIRE(::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK) == 0);
  const std::string text = many_lines(300'000, "line");
  Stage stage({}, pipe.write_end.get());
  stage.end(1, text);
  CHECK(pipe.read(text.size()) == text);
}

TEST_CASE("a file that is shorter than its worker said ends the task's output, not the stage") {
  Stage stage;
  CapturedStream lie = spooled("short\n");
  lie.size = 1'000'000;
  stage->end(1, std::move(lie), printed(""), true);
  stage.end(2, "next\n");
  CHECK(stage.out_text() == "short\nnext\n");
  CHECK(stage->load().bytes == 0);
}

TEST_CASE("with keep-order output comes in the order of the numbers, however the tasks end") {
  Stage stage({.keep_order = true});
  for (TaskId task = 1; task <= 5; ++task) stage->begin(task, "");
  stage.end(3, "three\n");
  stage.end(5, "five\n");
  stage.end(2, "two\n", "err two\n");
  stage.end(1, "one\n", "err one\n");
  stage.end(4, "");
  CHECK(stage.out_text() == "one\ntwo\nthree\nfive\n");
  CHECK(stage.err_text() == "err one\nerr two\n");
}

TEST_CASE("with keep-order a task that ends without output does not hold up those behind it") {
  Pipe pipe;
  Stage stage({.keep_order = true}, pipe.write_end.get());
  stage.end(3, "three");
  stage->nothing(2);
  stage->nothing(1);
  CHECK(pipe.read(5) == "three");
}

TEST_CASE("with keep-order a task that will be retried keeps its place") {
  Stage stage({.keep_order = true});
  stage.end(2, "two\n");
  stage.end(1, "failed try\n", "", false);
  stage.end(1, "one\n");
  CHECK(stage.out_text() == "one\ntwo\n");
}

TEST_CASE("at the end what waits behind a gap is written all the same") {
  Stage stage({.keep_order = true});
  stage.end(4, "four\n");
  stage.end(2, "two\n");
  CHECK(stage.out_text() == "two\nfour\n");
}

TEST_CASE("in mode none only notes are written") {
  Stage stage({.mode = OutputOptions::Mode::None});
  stage->begin(1, "#1");
  stage.end(1, "out\n", "err\n");
  stage->end(2, spooled("out\n"), spooled("err\n"), true);
  stage->note("drover: a note");
  CHECK(stage.out_text().empty());
  CHECK(stage.err_text() == "drover: a note\n");
}

TEST_CASE("a note comes after the output that was passed on before it") {
  const UniqueFd both = memory_file();
  Stage stage({}, both.get(), both.get());
  stage.end(1, "one\n");
  stage->note("drover: task #1 failed\n  | why\n");
  stage.end(2, "two\n");
  stage->finish();
  CHECK(content_of(both.get()) == "one\ndrover: task #1 failed\n  | why\ntwo\n");
}

TEST_CASE("a note begins a line of its own where a task left one unfinished") {
  Stage stage;
  SUBCASE("from memory") {
    stage.end(1, "", "50%");
  }
  SUBCASE("from a file") {
    stage->end(1, printed(""), spooled("50%"), true);
  }
  stage->note("drover: a note");
  stage.end(2, "", "more\n");
  CHECK(stage.err_text() == "50%\ndrover: a note\nmore\n");
}

TEST_CASE("with keep-order a note does not wait for the head") {
  Pipe err;
  Stage stage({.keep_order = true}, -1, err.write_end.get());
  stage->begin(1, "");
  stage.end(2, "two\n");
  stage->note("drover: now");
  CHECK(err.read(12) == "drover: now\n");
}

TEST_CASE("what comes after close is ignored, and on_closed tells when all is written") {
  Stage stage;
  stage.end(1, "one\n");
  stage->close();
  stage.end(2, "late\n");
  stage.closed.wait();
  CHECK(content_of(stage.out.get()) == "one\n");
  CHECK(stage.out_text() == "one\n");
}

TEST_CASE("several threads may push, and nothing is lost") {
  Stage stage;
  std::thread first([&] {
    for (TaskId task = 1; task <= 5000; ++task) stage.end(task, "a\n");
  });
  for (TaskId task = 5001; task <= 10'000; ++task) stage.end(task, "b\n");
  first.join();
  const std::string text = stage.out_text();
  CHECK(text.size() == 20'000);
  CHECK(std::count(text.begin(), text.end(), 'a') == 5000);
}
