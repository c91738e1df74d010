#include "tests/bench/pairs.hpp"

#include <fmt/format.h>

#include "tests/bench/machine.hpp"
#include "tests/bench/ours.hpp"
#include "tests/bench/peers.hpp"

namespace drover::bench {
namespace {

constexpr unsigned kWorkers = 2;
constexpr unsigned kChunk = 256;

// Where the two processes of a round trip run.
struct Place {
  std::string name;
  int here = -1;
  int there = -1;
  std::string missing;
};

std::vector<Place> places() {
  const std::vector<int> cpus = allowed_cpus();
  std::vector<Place> all = {{"unpinned", -1, -1, ""},
                            {fmt::format("both on CPU {}", cpus[0]), cpus[0], cpus[0], ""}};
  if (cpus.size() > 1) {
    all.push_back({fmt::format("on CPUs {} and {}", cpus[0], cpus[1]), cpus[0], cpus[1], ""});
  } else {
    all.push_back({"on two CPUs", -1, -1, "only one CPU is allowed"});
  }
  return all;
}

Side ours_noop(unsigned chunk) {
  std::string name = chunk == 1 ? "drover, one by one" : fmt::format("drover, chunks of {}", chunk);
  return {std::move(name), [chunk] { return Sample{drover_noop_per_second(kWorkers, chunk), 0}; }, ""};
}

Side ours_round_trip(const Place& place, bool spin) {
  return {spin ? "drover, both poll" : "drover",
          [place, spin] { return sample_of(drover_round_trip(place.here, place.there, spin)); },
          place.missing};
}

Side ours_commands(unsigned n, bool shell) {
  return {"drover run -j2",
          [n, shell] {
            return Sample{drover_commands_per_second(kWorkers, n, shell), 0};
          },
          ""};
}

Side placed(Side side, const Place& place) {
  side.name += ", " + place.name;
  return side;
}

void add_functions(Suite& suite) {
  const std::string group = "functions that do nothing, 2 workers or threads";
  const auto add = [&](Side ours, Side peer, std::optional<Target> target) {
    suite.add({group, "tasks/s", std::move(ours), std::move(peer), target});
  };
  add(ours_noop(1), asio_thread_pool(), at_least(3));
  add(ours_noop(kChunk), asio_thread_pool(), at_least(8));
  add(ours_noop(1), tbb_task_group(), std::nullopt);
  add(ours_noop(kChunk), tbb_task_group(), std::nullopt);
  add(ours_noop(1), message_queue_with_results(), std::nullopt);
  add(ours_noop(1), message_queue_one_way(), std::nullopt);
}

void add_round_trips(Suite& suite) {
  const auto add = [&](Side ours, Side peer, std::optional<Target> target) {
    suite.add({"round trip of one task, median", "us", std::move(ours), std::move(peer), target});
  };
  const std::vector<Place> all = places();
  for (const Place& place : all) {
    add(ours_round_trip(place, false), placed(eventfd_round_trip(place.here, place.there), place),
        at_most(1.3));
  }
  const Place& anywhere = all.front();
  add(ours_round_trip(anywhere, false), placed(pipe_round_trip(-1, -1), anywhere), std::nullopt);
  add(ours_round_trip(anywhere, false), placed(message_queue_round_trip(-1, -1), anywhere), std::nullopt);
  add(ours_round_trip(anywhere, false), placed(asio_round_trip(), anywhere), std::nullopt);
  const Place& apart = all.back();
  add(ours_round_trip(apart, true), placed(spinning_round_trip(apart.here, apart.there), apart),
      value_at_most(1));
}

void add_library(Suite& suite, const WorkFolder& folder) {
  constexpr unsigned kTasks = 1'000'000;
  const std::string group = "typed functions, a number there and back, 2 workers or threads";
  const Side submit = {"submit and get",
                       [] {
                         return Sample{library_submit_get_per_second(kWorkers, kTasks), 0};
                       },
                       ""};
  const Side map = {"map_unordered", [] { return Sample{library_map_per_second(kWorkers, kTasks), 0}; }, ""};
  const auto add = [&](const Side& ours, Side peer, std::optional<Target> target) {
    suite.add({group, "tasks/s", ours, std::move(peer), target});
  };
  add(submit, asio_packaged_tasks(), at_least(1));
  add(map, asio_packaged_tasks(), at_least(3));
  add(submit, python_process_pool(folder), at_least(100));
  add(map, joblib_parallel(folder), std::nullopt);
  suite.add({"a task that reads the ends of 1 GiB made just before",
             "us",
             {"with a new SharedArray",
              [] {
                return Sample{library_new_gigabyte_trip_us(), 0};
              },
              ""},
             {"without arguments",
              [] {
                return Sample{library_empty_trip_us(), 0};
              },
              ""},
             std::nullopt});
  suite.add({"tasks that each kill their worker, 2 at a time",
             "tasks/s",
             {"submit and wait",
              [] {
                return Sample{library_crashes_per_second(kWorkers, 500), 0};
              },
              ""},
             bare_loop(Through::Exec, Capture::No),
             std::nullopt});
}

void add_commands(Suite& suite, const WorkFolder& folder) {
  const auto add = [&](Side peer, std::optional<Target> target) {
    suite.add({"commands: /bin/true, 2 at a time", "commands/s", ours_commands(4'000, false), std::move(peer),
               target});
  };
  add(xargs_commands(folder), at_least(1.6));
  add(make_commands(folder, Through::Exec), at_least(1.1));
  add(gnu_parallel_commands(folder), at_least(9));
  add(bare_loop(Through::Exec, Capture::No), at_least(0.9));
  add(bare_loop(Through::Exec, Capture::Yes), std::nullopt);
}

void add_shell_commands(Suite& suite, const WorkFolder& folder) {
  const auto add = [&](Side peer, std::optional<Target> target) {
    suite.add({"commands through a shell: /bin/true, 2 at a time", "commands/s", ours_commands(500, true),
               std::move(peer), target});
  };
  add(ninja_commands(folder), at_least(1));
  add(make_commands(folder, Through::Shell), std::nullopt);
  add(xargs_shell_commands(folder), std::nullopt);
  add(bare_loop(Through::Shell, Capture::No), std::nullopt);
}

void add_whole_runs(Suite& suite, const WorkFolder& folder) {
  const Side one_true = {"drover run -j1", [] { return Sample{drover_one_true_seconds() * 1e3, 0}; }, ""};
  suite.add({"one command: /bin/true, the whole run", "ms", one_true, xargs_one_true(folder), at_most(3)});
  const auto add_stream = [&](const char* group, const char* unit, Probe probe) {
    suite.add({group, unit, drover_stream(probe), xargs_stream(probe), std::nullopt});
  };
  add_stream("a stream of a million lines: first task's output", "ms", Probe::FirstOutput);
  add_stream("a stream of a million lines: peak memory after 2000 tasks", "MiB", Probe::PeakMemory);
}

}  // namespace

Suite all_pairs(const WorkFolder& folder) {
  Suite suite;
  add_functions(suite);
  add_round_trips(suite);
  add_library(suite, folder);
  add_commands(suite, folder);
  add_shell_commands(suite, folder);
  add_whole_runs(suite, folder);
  return suite;
}

}  // namespace drover::bench
