// `drover run`: from the words of a command line to a run and its exit status.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace drover {

// The exit statuses of the contract.
enum ExitStatus : int { kAllSucceeded = 0, kSomeFailed = 1, kUsage = 2, kBroken = 3 };

// How a verb ended: an exit status, or a signal that main raises again.
struct VerbEnd {
  int status = kAllSucceeded;
  int signal = 0;
};

struct RunWords {
  std::vector<std::string> files;
  std::string workers, halt, timeout, grace, output = "group", progress = "auto", shell, color;
  int retries = -1;
  bool keep_order = false, tag = false, dry_run = false, no_store = false, line_buffer = false;
  std::vector<std::string> plugins;
};

void add_run_options(CLI::App& app, RunWords& words);
VerbEnd run_job(const RunWords& words);

}  // namespace drover
