// Single values of a TOML file into drover's types, with a diagnostic for each that does not fit. Knows
// types, not which key means what. Only for toml_reader.cpp: toml++ is slow to compile.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#define TOML_EXCEPTIONS 0
// toml++ asserts, and under NDEBUG assumes, what a wrong file can break: "[$x]" would end drover. Where it
// then goes on it finds the mistake by itself.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/duration.hpp"

namespace drover {

using Environment = std::vector<std::pair<std::string, std::string>>;

inline void set(Environment& env, const std::string& name, const std::string& value) {
  const auto at =
      std::find_if(env.begin(), env.end(), [&name](const auto& known) { return known.first == name; });
  if (at == env.end()) {
    env.emplace_back(name, value);
  } else {
    at->second = value;
  }
}

// In each call `what` names the value in a diagnostic: "`timeout`".
class TomlValues {
 public:
  TomlValues(const std::string& file, std::vector<Diagnostic>& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  void complain(toml::source_position at, std::string text) {
    diagnostics_.push_back({file_, at.line, at.column, std::move(text)});
  }
  void complain(const toml::node& node, std::string text) { complain(node.source().begin, std::move(text)); }
  void wrong_type(const toml::node& node, std::string_view what, std::string_view wanted) {
    complain(node, fmt::format("{} is {}; write {}", what, type_of(node), wanted));
  }

  // What a program or the system is given ends at a NUL byte. False, with a diagnostic, when there is one.
  bool check_no_nul(const toml::node& node, std::string_view what, std::string_view text) {
    if (text.find('\0') == std::string_view::npos) return true;
    complain(node, fmt::format("{} holds a NUL byte, which the system cannot pass on; remove it", what));
    return false;
  }

  // A string that is not empty. Otherwise false, and `into` stays as it is.
  bool read_string(const toml::node& node, std::string_view what, std::string& into) {
    const auto* text = node.as_string();
    if (text == nullptr) {
      wrong_type(node, what, "a string");
      return false;
    }
    if (text->get().empty()) {
      complain(node, fmt::format("{} is empty; remove it, or write something", what));
      return false;
    }
    if (!check_no_nul(node, what, text->get())) return false;
    into = text->get();
    return true;
  }

  // What may be written as a string or, in its shortest form, as an integer.
  std::optional<std::string> read_spelling(const toml::node& node, std::string_view what,
                                           std::string_view wanted) {
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* text = node.as_string()) return text->get();
    wrong_type(node, what, wanted);
    return std::nullopt;
  }

  std::optional<Duration> read_duration(const toml::node& node, std::string_view what) {
    const auto parsed = [&node]() -> std::optional<Parsed<Duration>> {
      if (const auto* text = node.as_string()) return parse_duration(text->get());
      if (const auto* whole = node.as_integer())
        return duration_from_seconds(static_cast<double>(whole->get()));
      if (const auto* real = node.as_floating_point()) return duration_from_seconds(real->get());
      return std::nullopt;
    }();
    if (!parsed) {
      wrong_type(node, what, "a duration such as \"10s\", or a number of seconds");
      return std::nullopt;
    }
    if (!parsed->ok()) {
      complain(node, fmt::format("{}: {}", what, parsed->mistake()));
      return std::nullopt;
    }
    return **parsed;
  }

  std::optional<std::uint32_t> read_count(const toml::node& node, std::string_view what,
                                          std::string_view wanted) {
    const auto* number = node.as_integer();
    if (number == nullptr) {
      wrong_type(node, what, wanted);
      return std::nullopt;
    }
    // One less than fits: attempts are counted in the same type, and there is one more of them.
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max() - std::int64_t{1};
    if (number->get() < 0 || number->get() > kMost) {
      complain(node, fmt::format("{} is {}; write 0 to {}", what, number->get(), kMost));
      return std::nullopt;
    }
    return static_cast<std::uint32_t>(number->get());
  }

  void read_env(const toml::node& node, Environment& env) {
    const auto* table = node.as_table();
    if (table == nullptr) return wrong_type(node, "`env`", "a table such as { NAME = \"value\" }");
    for (const auto& [key, value] : in_file_order(*table)) {
      const std::string name(key->str());
      const std::string what = fmt::format("the value of {}", quoted(name));
      if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
        complain(
            key->source().begin,
            fmt::format("{} cannot name an environment variable; use letters, digits and _", quoted(name)));
      } else if (const auto* text = value->as_string()) {
        if (check_no_nul(*value, what, text->get())) set(env, name, text->get());
      } else if (const auto* number = value->as_integer()) {
        set(env, name, std::to_string(number->get()));
      } else if (const auto* flag = value->as_boolean()) {
        set(env, name, flag->get() ? "true" : "false");
      } else {
        wrong_type(*value, what, "a string, an integer or a boolean");
      }
    }
  }

 private:
  static std::string_view type_of(const toml::node& node) {
    if (node.is_string()) return "a string";
    if (node.is_integer()) return "an integer";
    if (node.is_floating_point()) return "a number with a fraction";
    if (node.is_boolean()) return "a boolean";
    if (node.is_array()) return "a list";
    if (node.is_table()) return "a table";
    return "a date or a time";
  }

  // toml++ keeps tables in alphabetical order.
  static std::vector<std::pair<const toml::key*, const toml::node*>> in_file_order(const toml::table& table) {
    std::vector<std::pair<const toml::key*, const toml::node*>> entries;
    for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first->source().begin < b.first->source().begin; });
    return entries;
  }

  const std::string& file_;
  std::vector<Diagnostic>& diagnostics_;
};

}  // namespace drover
