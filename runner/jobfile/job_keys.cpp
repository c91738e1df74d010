#include "runner/jobfile/job_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/suggestion.hpp"

namespace drover {
namespace {

constexpr std::array<std::string_view, 5> kTopKeys{"name", "workers", "halt", "defaults", "task"};
constexpr std::array<std::string_view, 6> kDefaultsKeys{"timeout", "grace", "retries", "env", "cwd", "shell"};
constexpr std::array<std::string_view, 12> kTaskKeys{"name",  "command", "shell", "function",
                                                     "args",  "after",   "env",   "cwd",
                                                     "stdin", "timeout", "grace", "retries"};

struct LaterKey {
  std::string_view name;
  std::string_view advice;
};

// Keys of the language that this version cannot honour. To ignore one would run something else than was asked
// for.
constexpr std::array<LaterKey, 12> kLaterKeys{
    {{"each", "write one [[task]] for each value"},
     {"when", "remove it: a task runs when all that it waits for have succeeded"},
     {"kind", "remove it"},
     {"cores", "remove it, or lower `workers`"},
     {"memory", "remove it, or lower `workers`"},
     {"resources", "remove it, or lower `workers`"},
     {"priority", "remove it, or order the tasks by `after`"},
     {"stdout", "redirect it in the command"},
     {"stderr", "redirect it in the command"},
     {"inputs", "remove it"},
     {"success_codes", "remove it, or let the command end with 0"},
     {"allow_failure", "remove it, or let the command end with 0"}}};

std::span<const std::string_view> keys_of(KeyPlace place) {
  switch (place) {
    case KeyPlace::Top:
      return kTopKeys;
    case KeyPlace::Defaults:
      return kDefaultsKeys;
    case KeyPlace::Task:
      break;
  }
  return kTaskKeys;
}

bool contains(std::span<const std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

const LaterKey* find_later(std::string_view key) {
  const auto* at =
      std::find_if(kLaterKeys.begin(), kLaterKeys.end(), [key](const auto& k) { return k.name == key; });
  return at == kLaterKeys.end() ? nullptr : at;
}

// Whether the language knows such a key here, in this version or a later one.
bool is_later_here(KeyPlace place, std::string_view key) {
  return place != KeyPlace::Top || key == "resources";
}

std::string unknown(KeyPlace place, std::string_view key) {
  Nearest nearest(key);
  for (const std::string_view known : keys_of(place)) nearest.offer(known);
  for (const LaterKey& later : kLaterKeys) {
    if (is_later_here(place, later.name)) nearest.offer(later.name);
  }
  if (nearest.found())
    return fmt::format("unknown key {}; did you mean `{}`?", quoted(key), *nearest.found());
  return fmt::format("unknown key {}; known here: {}", quoted(key), fmt::join(keys_of(place), ", "));
}

}  // namespace

std::optional<std::string> key_mistake(KeyPlace place, std::string_view key) {
  if (contains(keys_of(place), key)) return std::nullopt;
  if (const LaterKey* later = find_later(key); later != nullptr && is_later_here(place, key)) {
    return fmt::format("`{}` is not supported by this version of drover; {}", key, later->advice);
  }
  // Known, but in the wrong place.
  if (place == KeyPlace::Top && contains(kDefaultsKeys, key)) {
    return fmt::format("`{}` is out of place; write it below [defaults] or a [[task]]", key);
  }
  if (place == KeyPlace::Top && (contains(kTaskKeys, key) || find_later(key) != nullptr)) {
    return fmt::format("`{}` is out of place; write it below a [[task]]", key);
  }
  if (place == KeyPlace::Defaults && contains(kTaskKeys, key)) {
    return fmt::format("`{}` can have no default; write it below a [[task]]", key);
  }
  if (place != KeyPlace::Top && contains(kTopKeys, key)) {
    return fmt::format("`{}` is out of place; write it before the first line in brackets", key);
  }
  return unknown(place, key);
}

}  // namespace drover
