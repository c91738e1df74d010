// drover-bench: measures drover next to what else is installed on this machine and prints a table of medians
// and ratios. Exit status: 0; 1 when a number of drover's own could not be taken; 2 for a wrong command line;
// a signal that ends it is raised again after the clean-up. A missed target is printed and is no failure:
// machines differ.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include <drover/worker_main.hpp>

#include "tests/bench/bench.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/pairs.hpp"
#include "tests/bench/peers.hpp"
#include "tests/bench/report.hpp"

namespace {

using namespace drover::bench;

struct Choices {
  Suite::Options options;
  Report::Format format = Report::Format::Text;
  bool list = false;
};

void print_list(const Suite& suite, const std::string& filter) {
  for (const Pair* pair : suite.selected(filter)) {
    fmt::print("{}: {} next to {}\n", pair->group, pair->ours.name, pair->peer.name);
  }
}

int measure(const Suite& suite, const Choices& choices) {
  Report report(stdout, choices.format);
  report.head(fmt::format(
      "{}\nnext to {}\nmedians of {} alternating pairs; ratio: the median of drover / peer, pair by pair",
      machine_text(), peers_text(), choices.options.rounds));
  bool ours_failed = false;
  suite.run(choices.options, [&](const PairResult& result) {
    report.add(result);
    ours_failed = ours_failed || result.ours_failed;
  });
  return ours_failed ? 1 : 0;
}

int run(const Choices& choices) {
  const InterruptGuard guard;
  const WorkFolder folder;
  const Suite suite = all_pairs(folder);
  if (suite.selected(choices.options.filter).empty()) {
    fmt::print(stderr, "drover-bench: nothing is named '{}'; --list prints all names\n",
               choices.options.filter);
    return 2;
  }
  if (!choices.list) return measure(suite, choices);
  print_list(suite, choices.options.filter);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  Choices choices;
  CLI::App app("Measures drover next to what else is installed on this machine.", "drover-bench");
  app.add_option("--filter", choices.options.filter, "only pairs whose group or name contains TEXT")
      ->type_name("TEXT");
  auto* rounds = app.add_option("--rounds", choices.options.rounds, "alternating pairs (default 15)")
                     ->type_name("N")
                     ->check(CLI::Range(1U, 10'000U));
  app.add_flag_callback(
         "--quick", [&] { choices.options.rounds = 3; }, "3 pairs: a look, no result")
      ->excludes(rounds);
  app.add_flag_callback(
      "--markdown", [&] { choices.format = Report::Format::Markdown; }, "tables for a README");
  app.add_flag("--list", choices.list, "print the names and measure nothing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  // `cmake --build` may run this below make: its jobserver is not for the make that is measured.
  for (const char* name : {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS"}) ::unsetenv(name);
  try {
    return run(choices);
  } catch (const Interrupted& interrupted) {
    ::signal(interrupted.signal(), SIG_DFL);
    ::raise(interrupted.signal());
    return 1;
  } catch (const CannotMeasure& error) {
    fmt::print(stderr, "drover-bench: {}\n", error.what());
    return 1;
  }
}
