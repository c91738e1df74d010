#include "worker/role.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "worker/command/loop.hpp"
#include "worker/keeper.hpp"
#include "worker/registry.hpp"
#include "worker/slots/cpu.hpp"

namespace drover {
namespace {

int fail(const std::string& what) {
  std::fprintf(stderr, "drover-worker: %s\n", what.c_str());
  return 3;
}

struct Settings {
  FunctionWorkerOptions function;
  std::vector<std::string> plugins;
};

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Result<Settings> read_settings(Words args) {
  Settings settings;
  for (; !args.empty(); args = args.subspan(2)) {
    const Error unexpected{"unexpected argument " + std::string(args[0]), {}, 0};
    if (args.size() == 1) return unexpected;
    const std::string_view value = args[1];
    bool known = true;
    if (args[0] == "--plugin")
      settings.plugins.emplace_back(value);
    else if (args[0] == "--seed")
      known = read_number(value, settings.function.seed);
    else if (args[0] == "--memory-limit")
      known = read_number(value, settings.function.memory_limit) && settings.function.memory_limit != 0;
    else
      return unexpected;
    if (!known) return Error{std::string(args[0]) + " takes a number, not " + std::string(value), {}, 0};
  }
  return settings;
}

Status load_plugins(const Settings& settings) {
  for (const std::string& plugin : settings.plugins)
    if (auto loaded = load_plugin(plugin); !loaded)
      return Error{"cannot load the plugin: " + loaded.error().text(), {}, 0};
  return Nothing{};
}

// In bytes, as RLIMIT_DATA counts it.
std::uint64_t data_in_use() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  for (int field = 0; field < 6; ++field) statm >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What a process writes to and shares with nobody: its heap, above all. Not RLIMIT_AS, which counts address
// space that no memory is behind.
Status limit_memory(std::uint64_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_DATA, &limit) != 0) return last_error("getrlimit", "RLIMIT_DATA");
  limit.rlim_cur = std::min<rlim_t>(bytes, limit.rlim_max);
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return last_error("setrlimit", "RLIMIT_DATA");
  if (const std::uint64_t used = data_in_use(); used >= bytes)
    return Error{fmt::format("a memory limit of {} bytes leaves nothing for tasks: a worker begins with {}",
                             bytes, used),
                 {},
                 0};
  return Nothing{};
}

}  // namespace

int be_keeper(Words args) {
  KeeperOptions options;
  options.worker_program = !args.empty() && !args[0].empty() ? std::string(args[0]) : "/proc/self/exe";
  return run_keeper(options);
}

int be_worker(Words args, KnownFunctions known) {
  const std::string kind(args.empty() ? std::string_view() : args[0]);
  if (kind != "command" && kind != "function") return fail("no such kind of worker: " + kind);
  auto settings = read_settings(args.subspan(1));
  if (!settings) return fail(settings.error().text());
  if (auto loaded = load_plugins(*settings); !loaded) return fail(loaded.error().text());
  if (const std::uint64_t limit = settings->function.memory_limit; limit != 0)
    if (auto limited = limit_memory(limit); !limited) return fail(limited.error().text());
  auto desk = WorkerDesk::open();
  if (!desk) return fail(desk.error().text());
  if (kind == "command") run_command_worker(*desk);
  settings->function.known = known;
  run_function_worker(*desk, settings->function);
}

int list_functions(Words args) {
  auto settings = read_settings(args);
  if (!settings) return fail(settings.error().text());
  if (auto loaded = load_plugins(*settings); !loaded) return fail(loaded.error().text());
  for (std::size_t i = 0; i < count_of(KnownFunctions::Named); ++i) {
    const RegisteredFunction& each = registered_functions()[i];
    std::printf("%s%s\n", each.name.c_str(), each.parameters.c_str());
  }
  return 0;
}

}  // namespace drover
