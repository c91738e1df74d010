// The programs that people run many commands with today, each as a whole process from its start to its end, 2
// commands at a time. Their input is written once, before any sample.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/version.hpp>
#include <filesystem>

#include "tests/bench/peers.hpp"

namespace drover::bench {
namespace {

constexpr unsigned kCommands = 1'000;
constexpr unsigned kShellCommands = 500;
constexpr unsigned kSlowCommands = 200;  // GNU parallel: milliseconds each

std::string numbers(unsigned n) {
  std::string lines;
  for (unsigned each = 1; each <= n; ++each) lines += fmt::format("{}\n", each);
  return lines;
}

// `program` running `n` commands; missing when it is not installed.
Side commands_side(std::string name, const std::string& program, unsigned n, ProgramRun run) {
  if (program.empty()) return {std::move(name), nullptr, "not installed"};
  run.argv.insert(run.argv.begin(), program);
  return {std::move(name), [run, n] { return Sample{n / seconds_of(run), 0}; }, ""};
}

}  // namespace

std::string peers_text() {
  std::string text = "Boost " BOOST_LIB_VERSION;
  for (const char* name : {"xargs", "parallel", "make", "ninja"}) {
    const std::string program = find_program(name);
    if (program.empty()) continue;
    const std::string version = version_of(program);
    const bool named = version.find_first_not_of("0123456789.") != std::string::npos;
    text += ", " + (named ? version : fmt::format("{} {}", name, version));
  }
  return text;
}

Side xargs_commands(const WorkFolder& folder) {
  return commands_side("xargs -P2 -n1", find_program("xargs"), kCommands,
                       {{"-P2", "-n1", "/bin/true"}, folder.write("xargs-exec", numbers(kCommands))});
}

Side xargs_shell_commands(const WorkFolder& folder) {
  return commands_side("xargs -P2 -I{} sh -c", find_program("xargs"), kShellCommands,
                       {{"-P2", "-I{}", "/bin/sh", "-c", "/bin/true \"{}\""},
                        folder.write("xargs-shell", numbers(kShellCommands))});
}

Side gnu_parallel_commands(const WorkFolder& folder) {
  std::string program = find_program("parallel");
  const std::string name = fmt::format("GNU parallel -j2, its start in {}", kSlowCommands);
  // The parallel of moreutils has the same name and other options.
  if (!program.empty() && version_of(program).rfind("GNU parallel", 0) != 0) program.clear();
  return commands_side(name, program, kSlowCommands,
                       {{"-j2", "/bin/true"}, folder.write("parallel", numbers(kSlowCommands))});
}

Side make_commands(const WorkFolder& folder, Through through) {
  const bool shell = through == Through::Shell;
  const unsigned n = shell ? kShellCommands : kCommands;
  std::string targets;
  for (unsigned each = 1; each <= n; ++each) targets += fmt::format(" t{}", each);
  // Make executes a plain recipe itself; a double quote makes it call /bin/sh.
  const std::string content =
      fmt::format(".PHONY: all{0}\nall:{0}\n{0}:\n\t@/bin/true {1}\n", targets, shell ? "\"$@\"" : "$@");
  const std::string file = folder.write(shell ? "shell.mk" : "exec.mk", content);
  return commands_side(shell ? "make -j2, recipes for sh" : "make -j2", find_program("make"), n,
                       {{"-j2", "-s", "-r", "-f", file, "all"}, "/dev/null"});
}

Side ninja_commands(const WorkFolder& folder) {
  // No command makes its output, so that every edge runs every time.
  std::string content = "rule command\n  command = /bin/true \"$out\"\n";
  for (unsigned each = 1; each <= kShellCommands; ++each)
    content += fmt::format("build t{}: command\n", each);
  const std::filesystem::path file = folder.write("ninja/build.ninja", content);
  const std::string directory = file.parent_path().string();
  Side side = commands_side("ninja -j2", find_program("ninja"), kShellCommands,
                            {{"-j2", "-C", directory}, "/dev/null"});
  if (!side.missing.empty()) return side;
  side.sampler = [run = side.sampler, log = directory + "/.ninja_log"] {
    ::unlink(log.c_str());  // else each run reads what all the earlier ones wrote
    return run();
  };
  return side;
}

Side xargs_one_true(const WorkFolder& folder) {
  const std::string program = find_program("xargs");
  if (program.empty()) return {"xargs", nullptr, "not installed"};
  const ProgramRun run{{program, "/bin/true"}, folder.write("one", "1\n")};
  const auto sampler = [run] {
    std::vector<double> runs;
    for (int each = 0; each < 20; ++each) runs.push_back(seconds_of(run) * 1e3);
    return Sample{median(runs), 0};
  };
  return {"xargs", sampler, ""};
}

}  // namespace drover::bench
