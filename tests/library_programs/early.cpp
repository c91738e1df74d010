// Makes a Coordinator before it has called worker_main: its workers would make one, too, and so on.
//   early [in-host]      in-host: only its workers do
#include <cstdio>
#include <string_view>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

namespace {

int seven() {
  return 7;
}

int run() {
  try {
    drover::Coordinator coordinator({.workers = 2});
    return coordinator.submit<&seven>().get();
  } catch (const drover::CoordinatorFailed& failed) {
    std::fprintf(stderr, "it failed: %s\n", failed.what());
    return 1;
  }
}

}  // namespace

// As a host it calls worker_main first when it is asked to; as a worker it never does.
int main(int argc, char** argv) {
  const bool asked = argc == 2 && std::string_view(argv[1]) == "in-host";
  if (asked) (void)drover::worker_main(argc, argv);
  const int result = run();
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  return result;
}
