#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "tests/runner/view_testing.hpp"

using namespace drover;
using namespace drover::view_testing;

namespace {

// A terminal whose screen is the bytes that were written to it.
struct Terminal {
  UniqueFd master, slave;

  explicit Terminal(unsigned short columns = 80) {
    int fds[2];
    termios raw{};
    ::cfmakeraw(&raw);
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::openpty(&fds[0], &fds[1], nullptr, &raw, &size) == 0);
    master.reset(fds[0]);
    slave.reset(fds[1]);
  }
  // Waits until the bytes that were not yet read end with `text`, and returns them.
  std::string read_until(std::string_view text) const {
    std::string got;
    char byte = 0;
    while (!got.ends_with(text) && ::read(master.get(), &byte, 1) == 1) got += byte;
    return got;
  }
};

constexpr const char* kErase = "\r\033[K";

std::string drawn(std::string_view text) {
  return "\r" + std::string(text) + "\033[K";
}

}  // namespace

TEST_CASE("the status line is drawn, erased before output and drawn again after it") {
  Terminal terminal;
  Stage stage({}, terminal.slave.get(), terminal.slave.get());
  stage->set_status("[1/3]");
  CHECK(terminal.read_until("\033[K") == drawn("[1/3]"));
  stage.end(1, "one\n");
  CHECK(terminal.read_until(drawn("[1/3]")) == kErase + std::string("one\n") + drawn("[1/3]"));
  stage->note("drover: a note");
  CHECK(terminal.read_until(drawn("[1/3]")) == kErase + std::string("drover: a note\n") + drawn("[1/3]"));
  stage->set_status("[2/3]");
  CHECK(terminal.read_until("\033[K") == drawn("[2/3]"));
  stage->finish();
  CHECK(terminal.read_until(kErase) == kErase);
}

TEST_CASE("an empty status takes the line away") {
  Terminal terminal;
  Stage stage({}, -1, terminal.slave.get());
  stage->set_status("[1/3]");
  terminal.read_until(drawn("[1/3]"));
  stage->set_status("");
  CHECK(terminal.read_until("\033[K") == kErase);
}

TEST_CASE("output to a file leaves the status line in peace") {
  Terminal terminal;
  Stage stage({}, -1, terminal.slave.get());
  stage->set_status("[1/3]");
  terminal.read_until(drawn("[1/3]"));
  stage.end(1, "one\n");
  stage->finish();
  CHECK(terminal.read_until("\033[K") == kErase);
  CHECK(content_of(stage.out.get()) == "one\n");
}

TEST_CASE("a status line does not overwrite a line that a task has left unfinished") {
  Terminal terminal;
  Stage stage(in_order(), terminal.slave.get(), terminal.slave.get());
  stage.end(1, "unfinished");
  stage->set_status("[1/3]");
  stage->begin(2, "");
  // It asks when it has nothing more to write or to draw.
  stage.asked.wait();
  stage.end(2, " line\n");
  CHECK(terminal.read_until("\033[K") == "unfinished line\n" + drawn("[1/3]"));
}

TEST_CASE("a note on a terminal does not continue a task's unfinished line of the other stream") {
  Terminal terminal;
  Stage stage({}, terminal.slave.get(), terminal.slave.get());
  stage.end(1, "unfinished");
  stage->note("drover: a note");
  CHECK(terminal.read_until("note\n") == "unfinished\ndrover: a note\n");
}

TEST_CASE("the status line is cut to the terminal's width, never within a character") {
  Terminal terminal(10);
  Stage stage({}, -1, terminal.slave.get());
  SUBCASE("ASCII") {
    stage->set_status("0123456789");
    CHECK(terminal.read_until("\033[K") == drawn("012345678"));
  }
  SUBCASE("code points of several bytes") {
    stage->set_status("äöüäöüäöüäöü");
    CHECK(terminal.read_until("\033[K") == drawn("äöüäöüäöü"));
  }
  SUBCASE("wide ones") {
    stage->set_status("漢字漢字漢字");
    CHECK(terminal.read_until("\033[K") == drawn("漢字漢字"));
  }
  SUBCASE("after the window has become smaller") {
    winsize size{.ws_row = 24, .ws_col = 5, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(terminal.master.get(), TIOCSWINSZ, &size) == 0);
    stage->set_status("0123456789");
    CHECK(terminal.read_until("\033[K") == drawn("0123"));
  }
}

TEST_CASE("a task's name in the status line cannot command the terminal") {
  Terminal terminal;
  Stage stage({}, -1, terminal.slave.get());
  stage->set_status("a\033[2Jb\nc\td");
  CHECK(terminal.read_until("\033[K") == drawn("a\\x1b[2Jb\\x0ac d"));
}

TEST_CASE("no status line is written to what is no terminal") {
  Stage stage;
  stage->set_status("[1/3]");
  stage.end(1, "one\n");
  CHECK(stage.err_text().empty());
}

TEST_CASE("the status line goes on while a pipe's reader sleeps") {
  Terminal terminal;
  Pipe pipe;
  Stage stage({}, pipe.write_end.get(), terminal.slave.get());
  stage.end(1, many_lines(1 << 20, "x"));
  REQUIRE(pipe.read(1).size() == 1);
  stage->set_status("[1/3]");
  CHECK(terminal.read_until("\033[K") == drawn("[1/3]"));
  stage->abandon();
}
