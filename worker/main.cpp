// drover-worker: the keeper and the workers of drover. Not started by people, except to ask which functions
// it knows.
//
//   drover-worker --keeper WORKER_PROGRAM         descriptors 3 (socket to the coordinator), 4 (its pidfd)
//   drover-worker --worker command|function [--plugin FILE.so]...   descriptors 3 to 6, see worker/loop.hpp
//   drover-worker --functions [--plugin FILE.so]...                 lists the functions that job files can
//   name
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "worker/command/loop.hpp"
#include "worker/keeper.hpp"
#include "worker/registry.hpp"
#include "worker/slots/cpu.hpp"

namespace {

constexpr const char* kUsage =
    "drover-worker runs tasks for drover; it is started by drover itself.\n"
    "  drover-worker --functions [--plugin FILE.so]...   list the functions that job files can name\n"
    "Example: drover-worker --functions --plugin ./render.so\n";

int fail(const std::string& what) {
  std::fprintf(stderr, "drover-worker: %s\n", what.c_str());
  return 3;
}

// Takes the `--plugin FILE` pairs from `from` on.
bool load_plugins(const std::vector<std::string_view>& args, std::size_t from, std::string& error) {
  for (; from < args.size(); from += 2) {
    if (args[from] != "--plugin" || from + 1 == args.size()) {
      error = "unexpected argument " + std::string(args[from]);
      return false;
    }
    if (auto loaded = drover::load_plugin(std::string(args[from + 1])); !loaded) {
      error = "cannot load the plugin: " + loaded.error().text();
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  std::string error;
  if (!args.empty() && args[0] == "--keeper") {
    drover::KeeperOptions options;
    options.worker_program = args.size() > 1 && !args[1].empty() ? std::string(args[1]) : "/proc/self/exe";
    return drover::run_keeper(options);
  }
  if (args.size() >= 2 && args[0] == "--worker") {
    if (!load_plugins(args, 2, error)) return fail(error);
    auto desk = drover::WorkerDesk::open();
    if (!desk) return fail(desk.error().text());
    if (args[1] == "command") drover::run_command_worker(*desk);
    if (args[1] == "function") drover::run_function_worker(*desk);
    return fail("no such kind of worker: " + std::string(args[1]));
  }
  if (!args.empty() && args[0] == "--functions") {
    if (!load_plugins(args, 1, error)) return fail(error);
    for (const drover::RegisteredFunction& each : drover::registered_functions())
      std::printf("%s%s\n", each.name.c_str(), each.parameters.c_str());
    return 0;
  }
  const bool asked = !args.empty() && (args[0] == "--help" || args[0] == "-h");
  std::fputs(kUsage, asked ? stdout : stderr);
  return asked ? 0 : 2;
}
