#include <sys/prctl.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <drover/worker_main.hpp>

#include "worker/builtin.hpp"
#include "worker/role.hpp"

namespace drover {
namespace {

constexpr std::string_view kKeeper = "--drover-keeper", kWorker = "--drover-worker";

std::atomic<bool>& called() {
  static constinit std::atomic<bool> flag{false};
  return flag;
}

// A program that is started by a descriptor's number has that for its name.
void take_name_of(std::string_view program) {
  const std::string name(program.substr(program.find_last_of('/') + 1));
  ::prctl(PR_SET_NAME, name.c_str());
}

}  // namespace

std::optional<int> worker_main(int argc, char** argv) {
  called() = true;
  link_builtin_functions();
  if (argc < 2) return std::nullopt;
  const std::vector<std::string_view> words(argv, argv + argc);
  if (words[1] != kKeeper && words[1] != kWorker) return std::nullopt;
  take_name_of(words[0]);
  const Words rest = Words(words).subspan(2);
  return words[1] == kKeeper ? be_keeper(rest) : be_worker(rest, KnownFunctions::All);
}

namespace detail {

bool started_as_worker() {
  static const bool started = [] {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    const std::string line(std::istreambuf_iterator<char>(file), {});
    const std::size_t second = line.find('\0') + 1;  // 0: there is none
    const std::string_view word(line.c_str() + second);
    return second != 0 && (word == kKeeper || word == kWorker);
  }();
  return started;
}

bool worker_main_called() {
  return called();
}

}  // namespace detail
}  // namespace drover
