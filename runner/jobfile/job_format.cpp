#include "runner/jobfile/job_format.hpp"

#include <algorithm>
#include <array>

namespace drover {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view without_leading_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text;
}

// Nothing but blanks or a comment.
bool is_rest_of_line(std::string_view text) {
  text = without_leading_blanks(text);
  return text.empty() || text.front() == '#';
}

}  // namespace

JobFormat format_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (name.ends_with(".toml")) return JobFormat::Toml;
  if (name.ends_with(".jsonl")) return JobFormat::JsonLines;
  if (name == "compile_commands.json") return JobFormat::CompileCommands;
  return JobFormat::List;
}

std::optional<std::string_view> first_written_line(std::string_view bytes, bool at_end) {
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  for (;;) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos && !at_end) return std::nullopt;
    const std::string_view line = bytes.substr(0, end);
    if (!is_rest_of_line(line)) return line;
    if (end == std::string_view::npos) return std::string_view();
    bytes.remove_prefix(end + 1);
  }
}

bool looks_like_toml(std::string_view first_line) {
  const std::string_view line = without_leading_blanks(first_line);
  // With dots: [defaults.env]. Blanks inside the brackets are legal TOML, but `[ defaults ]` is a command
  // too.
  constexpr std::array<std::string_view, 5> kHeaders{"[[task]]", "[defaults]", "[defaults.env]",
                                                     "[resources]", "[task]"};
  for (const std::string_view header : kHeaders) {
    if (line.starts_with(header) && is_rest_of_line(line.substr(header.size()))) return true;
  }
  constexpr std::array<std::string_view, 6> kKeys{"name", "workers", "halt", "task", "defaults", "resources"};
  for (const std::string_view key : kKeys) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = line.substr(key.size());
    const std::string_view sign = without_leading_blanks(rest);
    if (sign.size() < rest.size() && sign.starts_with('=') && !sign.starts_with("==")) return true;
  }
  return false;
}

}  // namespace drover
