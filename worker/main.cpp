// drover-worker: the keeper and the workers of drover. Not started by people, except to ask which functions
// it knows.
//
//   drover-worker --keeper WORKER_PROGRAM
//   drover-worker --worker command|function [--seed N] [--memory-limit BYTES] [--plugin FILE.so]...
//   drover-worker --functions [--plugin FILE.so]...    lists the functions that job files can name
//
// and, like every program that calls worker_main, --drover-keeper and --drover-worker: for a coordinator
// whose functions are those of this program.
#include <cstdio>
#include <string_view>
#include <vector>

#include <drover/worker_main.hpp>

#include "worker/role.hpp"

namespace {

constexpr const char* kUsage =
    "drover-worker runs tasks for drover; it is started by drover itself.\n"
    "  drover-worker --functions [--plugin FILE.so]...   list the functions that job files can name\n"
    "Example: drover-worker --functions --plugin ./render.so\n";

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = drover::worker_main(argc, argv)) return *status;
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  const std::string_view asked = args.empty() ? "" : args[0];
  const drover::Words rest = drover::Words(args).subspan(args.empty() ? 0 : 1);
  if (asked == "--keeper") return drover::be_keeper(rest);
  if (asked == "--worker") return drover::be_worker(rest, drover::KnownFunctions::Named);
  if (asked == "--functions") return drover::list_functions(rest);
  const bool help = asked == "--help" || asked == "-h";
  std::fputs(kUsage, help ? stdout : stderr);
  return help ? 0 : 2;
}
