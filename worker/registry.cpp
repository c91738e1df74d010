#include "worker/registry.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "worker/image_name.hpp"

namespace drover {
namespace {

// First use of these is in static initialisation, where there is no order to rely on.
struct NamedFunctions {
  std::mutex mutex;
  std::vector<RegisteredFunction> list;  // sorted
  bool sealed = false;
};
NamedFunctions& named() {
  static NamedFunctions functions;
  return functions;
}

std::atomic<detail::FunctionEntry*>& typed() {
  static constinit std::atomic<detail::FunctionEntry*> last{nullptr};
  return last;
}

// The list and, in each typed entry, its place in it. Two entries of one thunk (a linker may fold equal ones)
// share a number.
std::vector<RegisteredFunction> seal() {
  std::vector<RegisteredFunction> all;
  {
    const std::lock_guard lock(named().mutex);
    named().sealed = true;
    all = named().list;
  }
  const auto named_count = static_cast<std::ptrdiff_t>(all.size());
  detail::FunctionEntry* const last = typed().load(std::memory_order_acquire);
  for (const auto* each = last; each != nullptr; each = each->next)
    all.push_back({.name = image_name(reinterpret_cast<const void*>(each->thunk)), .typed = each->thunk});
  std::sort(all.begin() + named_count, all.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  all.erase(std::unique(all.begin() + named_count, all.end(),
                        [](const auto& a, const auto& b) { return a.name == b.name; }),
            all.end());
  for (auto* each = last; each != nullptr; each = each->next) {
    const auto at = std::find_if(all.begin() + named_count, all.end(),
                                 [&](const RegisteredFunction& one) { return one.typed == each->thunk; });
    each->number = static_cast<std::uint32_t>(at - all.begin());
  }
  return all;
}

}  // namespace

bool register_function(std::string name, std::string parameters, FunctionThunk thunk) {
  const std::lock_guard lock(named().mutex);
  if (named().sealed) return false;
  auto& list = named().list;
  const auto at = std::lower_bound(
      list.begin(), list.end(), name,
      [](const RegisteredFunction& each, const std::string& key) { return each.name < key; });
  if (at != list.end() && at->name == name) {
    std::fprintf(stderr, "drover: two functions are named %s; rename one of them\n", name.c_str());
    std::abort();
  }
  list.insert(at, {std::move(name), std::move(parameters), thunk, nullptr});
  return true;
}

Status load_plugin(const std::string& path) {
  // A name without a slash would be searched in the library path; a plugin is a file.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) return Error{::dlerror(), {}, 0};
  return Nothing{};
}

const std::vector<RegisteredFunction>& registered_functions() {
  static const std::vector<RegisteredFunction> sealed = seal();
  return sealed;
}

std::size_t count_of(KnownFunctions known) {
  const auto& all = registered_functions();
  if (known == KnownFunctions::All) return all.size();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const auto& each) { return each.typed == nullptr; }));
}

namespace detail {

FunctionEntry::FunctionEntry(TypedThunk called) noexcept : thunk(called) {
  next = typed().load(std::memory_order_relaxed);
  while (!typed().compare_exchange_weak(next, this, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

std::uint32_t function_number(const FunctionEntry& entry) {
  (void)registered_functions();
  if (entry.number == FunctionEntry::kNoNumber)
    throw NotTransportable(
        "drover: this function came too late, from a shared object that was loaded after the first "
        "Coordinator "
        "was made; its workers do not know it: load the object before, or link it to the program");
  return entry.number;
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const RegisteredFunction& each : registered_functions()) all.push_back(each.name);
    return all;
  }();
  return names;
}

void refuse_argument(std::size_t number, std::string_view word) {
  throw ArgumentMismatch(
      fmt::format("argument {} is not {} {} that fits", number, word.front() == 'i' ? "an" : "a", word));
}
void refuse_count(std::size_t takes, std::size_t got) {
  throw ArgumentMismatch(fmt::format("takes {} argument{}, got {}", takes, takes == 1 ? "" : "s", got));
}
std::string text_of_number(std::int64_t number) {
  return fmt::format("{}", number);
}
std::string text_of_number(std::uint64_t number) {
  return fmt::format("{}", number);
}
std::string text_of_number(float number) {
  return fmt::format("{}", number);
}
std::string text_of_number(double number) {
  return fmt::format("{}", number);
}
std::string text_of_number(long double number) {
  return fmt::format("{}", number);
}

}  // namespace detail
}  // namespace drover
