#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "common/unique_fd.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/load.hpp"
#include "tests/bench/report.hpp"

using namespace drover;
using namespace drover::bench;

namespace {

// A file without a name that the sampling children and the test share.
struct Notes {
  std::FILE* file = std::tmpfile();
  Notes() { REQUIRE(file != nullptr); }
  ~Notes() { std::fclose(file); }
  void append(char letter) const {
    if (::write(::fileno(file), &letter, 1) != 1) throw CannotMeasure("write");
  }
  [[nodiscard]] std::string text() const {
    std::string all(1000, '\0');
    all.resize(static_cast<std::size_t>(::pread(::fileno(file), all.data(), all.size(), 0)));
    return all;
  }
};

Side constant(const std::string& name, double value) {
  return {name, [value] { return Sample{value, 0}; }, ""};
}

std::vector<PairResult> results_of(const Suite& suite, const Suite::Options& options) {
  std::vector<PairResult> results;
  suite.run(options, [&](const PairResult& result) { results.push_back(result); });
  return results;
}

std::string printed(Report::Format format, const std::vector<PairResult>& results) {
  char* data = nullptr;
  std::size_t size = 0;
  std::FILE* out = ::open_memstream(&data, &size);
  Report report(out, format);
  for (const PairResult& result : results) report.add(result);
  std::fclose(out);
  const std::unique_ptr<char, void (*)(void*)> owner(data, std::free);
  return {data, size};
}

}  // namespace

TEST_CASE("the median of an odd count is the middle one, of an even count the mean of two") {
  CHECK(median({9, 1, 5}) == 5);
  CHECK(median({4, 1, 2, 100}) == 3);
}

TEST_CASE("a percentile is a value that was measured, by nearest rank") {
  std::vector<std::uint64_t> nanoseconds;
  for (std::uint64_t each = 100; each >= 1; --each) nanoseconds.push_back(each * 1000);
  const LatencySample latency = latency_of(nanoseconds);
  CHECK(latency.p50_us == 50);
  CHECK(latency.p99_us == 99);
  CHECK(percentile({7}, 0) == 7);
  CHECK(percentile({1, 2}, 1) == 2);
}

TEST_CASE("the two sides of a pair take turns, ours first, after one turn that does not count") {
  const Notes notes;
  const auto noting = [&](char letter, double value) {
    return Side{std::string(1, letter),
                [&notes, letter, value] {
                  notes.append(letter);
                  return Sample{value, 0};
                },
                ""};
  };
  Suite suite;
  suite.add({"group", "x/s", noting('A', 6), noting('B', 2), std::nullopt});
  const auto results = results_of(suite, {.rounds = 3});
  CHECK(notes.text() == "ABABABAB");
  REQUIRE(results.size() == 1);
  CHECK(results[0].ours.samples == std::vector<double>{6, 6, 6});
  CHECK(results[0].peer.samples == std::vector<double>{2, 2, 2});
  CHECK(median_ratio(results[0]) == 3);
}

TEST_CASE("the ratio is the median of the rounds' ratios, not the ratio of the medians") {
  PairResult result;
  result.ours.samples = {10, 20, 60};
  result.peer.samples = {10, 5, 40};
  result.ratios = {1, 4, 1.5};
  CHECK(median_ratio(result) == 1.5);
}

TEST_CASE("a peer that is missing is left out with a word, and its pair is not measured") {
  const Notes notes;
  Side ours = {"ours",
               [&] {
                 notes.append('x');
                 return Sample{1, 0};
               },
               ""};
  Suite suite;
  suite.add({"group", "x/s", ours, {"peer", nullptr, "not installed"}, at_least(1)});
  const auto results = results_of(suite, {.rounds = 2});
  REQUIRE(results.size() == 1);
  CHECK(results[0].left_out == "peer: not installed");
  CHECK_FALSE(results[0].ours_failed);
  CHECK(notes.text().empty());
}

TEST_CASE(
    "a side that throws, crashes, leaves or hangs ends its pair with the reason; the next is measured") {
  Suite suite;
  const auto add = [&](Sampler sampler) {
    suite.add({"group", "x/s", constant("ours", 1), {"peer", std::move(sampler), ""}, std::nullopt});
  };
  add([]() -> Sample { throw CannotMeasure("its own words"); });
  add([]() -> Sample {
    ::raise(SIGKILL);
    return {1, 0};
  });
  add([]() -> Sample { ::_exit(7); });
  add([]() -> Sample {
    while (true) ::pause();
  });
  add([]() -> Sample { return {0, 0}; });
  add([]() -> Sample { return {4, 0}; });
  const auto results = results_of(suite, {.rounds = 1, .deadline = std::chrono::milliseconds(200)});
  REQUIRE(results.size() == 6);
  CHECK(results[0].left_out == "peer: its own words");
  CHECK(results[1].left_out == "peer: died of SIGKILL");
  CHECK(results[2].left_out == "peer: ended with status 7 and no number");
  CHECK(results[3].left_out == "peer: did not end within 0.2 s");
  CHECK(results[4].left_out == "peer: measured nothing");
  CHECK(results[5].left_out.empty());
  CHECK(median_ratio(results[5]) == 0.25);
  for (const PairResult& result : results) CHECK_FALSE(result.ours_failed);
}

TEST_CASE("drover's own failure is told apart from a missing peer") {
  Suite suite;
  suite.add({"group",
             "x/s",
             {"ours", []() -> Sample { throw CannotMeasure("broken"); }, ""},
             constant("peer", 1),
             {}});
  const auto results = results_of(suite, {.rounds = 1});
  REQUIRE(results.size() == 1);
  CHECK(results[0].ours_failed);
  CHECK(results[0].left_out == "ours: broken");
}

TEST_CASE("processes that a sample leaves behind are killed when it is over") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const Sample sample = take_guarded(
      [] {
        if (::fork() == 0) {
          while (true) ::pause();
        }
        return Sample{1, 0};
      },
      std::chrono::seconds(20));
  CHECK(sample.value == 1);
  writing.reset();
  char byte = 0;
  CHECK(::read(reading.get(), &byte, 1) == 0);  // end-of-file: nobody else holds the writing end
}

TEST_CASE("an interrupt ends the sample that is under way") {
  const InterruptGuard guard;
  const pid_t self = ::getpid();
  const Sampler endless = [self]() -> Sample {
    ::kill(self, SIGTERM);
    while (true) ::pause();
  };
  int number = 0;
  try {
    (void)take_guarded(endless, std::chrono::seconds(20));
  } catch (const Interrupted& interrupted) {
    number = interrupted.signal();
  }
  CHECK(number == SIGTERM);
}

TEST_CASE("the filter looks at the group and at both names") {
  Suite suite;
  suite.add({"commands", "x/s", constant("drover run", 1), constant("xargs", 1), {}});
  suite.add({"latency", "us", constant("drover", 1), constant("eventfd", 1), {}});
  CHECK(suite.selected("").size() == 2);
  REQUIRE(suite.selected("xargs").size() == 1);
  CHECK(suite.selected("xargs")[0]->group == "commands");
  CHECK(suite.selected("latency").size() == 1);
  CHECK(suite.selected("drover").size() == 2);
  CHECK(suite.selected("nothing like it").empty());
}

TEST_CASE("a target bounds the ratio or our own value") {
  PairResult result;
  result.ours.samples = {0.8};
  result.peer.samples = {0.4};
  result.ratios = {2};
  CHECK_FALSE(target_met(result).has_value());
  result.target = at_least(2.5);
  CHECK(target_met(result) == false);
  result.target = at_most(2.5);
  CHECK(target_met(result) == true);
  result.target = value_at_most(1);
  CHECK(target_met(result) == true);
  result.target = value_at_most(0.5);
  CHECK(target_met(result) == false);
}

TEST_CASE("numbers are printed with the digits that a reader compares") {
  CHECK(number_text(12'345'678) == "12.35M");
  CHECK(number_text(367'400) == "367k");
  CHECK(number_text(3670.4) == "3670");
  CHECK(number_text(36.74) == "36.7");
  CHECK(number_text(0.872) == "0.87");
}

TEST_CASE("a table shows median, range, ratio and target of a pair, and why one was left out") {
  PairResult good;
  good.ours = {"commands", "drover run", "commands/s", {3000, 3600, 3700}, {}};
  good.peer = {"commands", "xargs", "commands/s", {2000, 1800, 1850}, {}};
  good.ratios = {1.5, 2, 2};
  good.target = at_least(1.6);
  PairResult absent = good;
  absent.left_out = "ninja: not installed";

  const std::string text = printed(Report::Format::Text, {good, absent});
  CHECK(text.find("commands (commands/s)") == text.rfind("commands (commands/s)"));
  CHECK(text.find("3600") != std::string::npos);
  CHECK(text.find("1800..2000") != std::string::npos);
  CHECK(text.find("2.00   1.50..2.00  >= 1.6x met") != std::string::npos);
  CHECK(text.find("left out: ninja: not installed") != std::string::npos);

  const std::string markdown = printed(Report::Format::Markdown, {good});
  CHECK(markdown.find("| drover run | 3600 | 3000..3700 | xargs | 1850 | 1800..2000 | 2.00 | 1.50..2.00 | >= "
                      "1.6x met |") != std::string::npos);
}

TEST_CASE("a pair that was measured beside other work says so") {
  PairResult result;
  result.ours = {"group", "drover", "x/s", {5}, {}};
  result.peer = {"group", "peer", "x/s", {5}, {}};
  result.ratios = {1};
  result.foreign_cpus = 0.05;
  CHECK(printed(Report::Format::Text, {result}).find("disturbed") == std::string::npos);
  result.foreign_cpus = 1.34;
  result.target = at_least(1);
  const std::string text = printed(Report::Format::Text, {result});
  CHECK(text.find(">= 1x met; disturbed: others used 1.3 CPUs") != std::string::npos);
}

TEST_CASE("work of this process and of its reaped children is not counted as others'") {
  LoadMark from;
  LoadMark to{2'000'000'000, 5.0, 3.0};
  CHECK(foreign_cpus(from, to) == 1);
  to.own = 6;
  CHECK(foreign_cpus(from, to) == 0);

  const auto burn = [] {
    for (const LoadMark begin = mark_load(); mark_load().own - begin.own < 0.1;) {
    }
    return Sample{1, 0};
  };
  const LoadMark before = mark_load();
  (void)take_guarded(burn, std::chrono::seconds(20));
  CHECK(mark_load().own - before.own >= 0.1);
  CHECK(mark_load().machine - before.machine >= 0.05);  // counted in ticks
}

TEST_CASE("a latency shows its tail beside the range") {
  PairResult result;
  result.ours = {"round trip", "drover", "us", {5}, {12}};
  result.peer = {"round trip", "eventfd", "us", {5}, {11}};
  result.ratios = {1};
  const std::string text = printed(Report::Format::Text, {result});
  CHECK(text.find("5.00..5.00, p99 12.0") != std::string::npos);
  CHECK(text.find("5.00..5.00, p99 11.0") != std::string::npos);
}
