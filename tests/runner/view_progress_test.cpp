#include "runner/view/progress.hpp"

#include <doctest/doctest.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <vector>

#include "common/unique_fd.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

struct Shown {
  Texts status, lines;
  const Instant start{1000s};
  Progress progress;

  explicit Shown(ProgressStyle style)
      : progress(style, -1,
                 {.status = [this](std::string text) { status.push_back(std::move(text)); },
                  .line = [this](std::string text) { lines.push_back(std::move(text)); }},
                 start) {}
  void changed(const Counts& counts, Duration after, std::string_view newest = {}) {
    progress.changed(counts, newest, start + after);
  }
};

Counts counts(std::uint64_t succeeded, std::uint64_t failed, std::uint64_t running, std::uint64_t total) {
  return {
      .total = total, .total_known = total > 0, .succeeded = succeeded, .failed = failed, .running = running};
}

}  // namespace

TEST_CASE("the bar tells counts, share, time, what is left, and the newest task") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(136, 1, 2, 1000), 42s, "resize photo-17");
  // 863 tasks at 137 in 42 s: 264 s.
  CHECK(shown.status == Texts{"[137/1000] 2 running, 1 failed, 13% 0:42 eta 4:24  resize photo-17"});
  CHECK(shown.lines.empty());
}

TEST_CASE("the bar does not guess before something is done, and not after all is") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(0, 0, 2, 10), 5s);
  shown.changed(counts(10, 0, 0, 10), 6s);
  CHECK(shown.status == Texts{"[0/10] 2 running, 0% 0:05", "[10/10] 0 running, 100% 0:06"});
}

TEST_CASE("while the tasks are still being read the bar tells a rate and no share") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(20, 0, 4, 0), 10s, "#24");
  CHECK(shown.status == Texts{"[20] 4 running, 2.0/s 0:10  #24"});
}

TEST_CASE("cancelled and skipped tasks are done, and named when there are any") {
  Shown shown(ProgressStyle::Bar);
  Counts some = counts(1, 0, 0, 6);
  some.cancelled = 2;
  some.skipped = 3;
  shown.changed(some, 2s);
  CHECK(shown.status == Texts{"[6/6] 0 running, 2 cancelled, 3 skipped, 100% 0:02"});
}

TEST_CASE("the bar is drawn ten times a second at most, and then shows the newest state") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(0, 0, 1, 9), 0ms);
  CHECK_FALSE(shown.progress.next_wake());
  shown.changed(counts(1, 0, 1, 9), 30ms);
  shown.changed(counts(2, 0, 1, 9), 60ms);
  REQUIRE(shown.status.size() == 1);
  REQUIRE(shown.progress.next_wake() == shown.start + 100ms);
  shown.progress.tick(shown.start + 99ms);
  CHECK(shown.status.size() == 1);
  shown.progress.tick(shown.start + 100ms);
  REQUIRE(shown.status.size() == 2);
  CHECK(shown.status[1].substr(0, 5) == "[2/9]");
}

TEST_CASE("where nothing changes nothing wakes") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(1, 0, 1, 9), 0ms);
  CHECK_FALSE(shown.progress.next_wake());
  shown.progress.tick(shown.start + 10s);
  CHECK(shown.status.size() == 1);
}

TEST_CASE("plain progress says nothing in short runs, and then a line every ten seconds with changes") {
  Shown shown(ProgressStyle::Plain);
  shown.changed(counts(5, 0, 2, 1000), 1s);
  shown.changed(counts(50, 0, 2, 1000), 9999ms);
  CHECK(shown.lines.empty());
  CHECK(shown.progress.next_wake() == shown.start + 10s);
  shown.progress.tick(shown.start + 10s);
  REQUIRE(shown.lines == Texts{"drover: 50/1000 done, 2 running, eta 3m10s"});
  CHECK_FALSE(shown.progress.next_wake());

  shown.changed(counts(99, 1, 2, 1000), 15s);
  CHECK(shown.progress.next_wake() == shown.start + 20s);
  shown.changed(counts(99, 1, 2, 1000), 20s);
  REQUIRE(shown.lines.size() == 2);
  CHECK(shown.lines[1] == "drover: 100/1000 done, 1 failed, 2 running, eta 3m00s");
  CHECK(shown.status.empty());
}

TEST_CASE("plain progress comes at once when a change follows long silence") {
  Shown shown(ProgressStyle::Plain);
  shown.changed(counts(1, 0, 1, 0), 60s);
  CHECK(shown.lines == Texts{"drover: 1 done, 1 running, 0.0/s"});
}

TEST_CASE("what is done now counts more for the time that is left than what was done long ago") {
  Pace pace(Instant{0s});
  CHECK_FALSE(pace.time_for(10));
  pace.sample(0, Instant{5s});
  CHECK_FALSE(pace.time_for(10));
  pace.sample(100, Instant{10s});
  CHECK(pace.per_second() == doctest::Approx(10));
  CHECK(pace.time_for(50) == Duration(5s));
  // Ten times slower for 30 s: the old pace counts for 1/e.
  pace.sample(130, Instant{40s});
  CHECK(pace.per_second() == doctest::Approx(1 + 9 * 0.3679).epsilon(0.001));
}

TEST_CASE("a time that is too far away to mean anything is not told") {
  Pace pace(Instant{0s});
  pace.sample(1, Instant{3600s});
  CHECK(pace.time_for(900));
  CHECK_FALSE(pace.time_for(1'000'000));
}

TEST_CASE("in style none nothing is shown and nothing wakes") {
  Shown shown(ProgressStyle::None);
  shown.changed(counts(1, 0, 1, 9), 60s);
  CHECK_FALSE(shown.progress.next_wake());
  shown.progress.finish();
  CHECK(shown.status.empty());
  CHECK(shown.lines.empty());
}

TEST_CASE("at the end the bar goes away and stays away") {
  Shown shown(ProgressStyle::Bar);
  shown.changed(counts(1, 0, 1, 9), 0ms);
  shown.changed(counts(2, 0, 1, 9), 10ms);
  shown.progress.finish();
  CHECK(shown.status.back().empty());
  CHECK_FALSE(shown.progress.next_wake());
  shown.changed(counts(3, 0, 1, 9), 10s);
  CHECK(shown.status.size() == 2);
}

TEST_CASE("style auto is a bar on a terminal, and plain on a dumb one or on none") {
  int fds[2];
  REQUIRE(::openpty(&fds[0], &fds[1], nullptr, nullptr, nullptr) == 0);
  const UniqueFd master(fds[0]), slave(fds[1]);
  const char* terminal = ::getenv("TERM");
  const std::string before = terminal == nullptr ? "" : terminal;
  ::setenv("TERM", "xterm", 1);
  CHECK(Progress(ProgressStyle::Auto, slave.get(), {}, Instant{}).style() == ProgressStyle::Bar);
  CHECK(Progress(ProgressStyle::Auto, -1, {}, Instant{}).style() == ProgressStyle::Plain);
  CHECK(Progress(ProgressStyle::Bar, -1, {}, Instant{}).style() == ProgressStyle::Bar);
  ::setenv("TERM", "dumb", 1);
  CHECK(Progress(ProgressStyle::Auto, slave.get(), {}, Instant{}).style() == ProgressStyle::Plain);
  if (terminal == nullptr) {
    ::unsetenv("TERM");
  } else {
    ::setenv("TERM", before.c_str(), 1);
  }
}
