#include "worker/command/progress_lines.hpp"

#include <charconv>

namespace drover {
namespace {

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_sign(std::string_view& text, char sign) {
  if (text.empty() || text.front() != sign) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Progress> parse_progress(std::string_view line) {
  Progress progress;
  skip_blanks(line);
  if (!take_number(line, progress.done)) return std::nullopt;
  std::uint64_t fraction = 0;
  const bool has_fraction = take_sign(line, '.');
  if (has_fraction && !take_number(line, fraction)) return std::nullopt;
  skip_blanks(line);
  if (take_sign(line, '%')) {
    progress.total = 100;
    if (progress.done > progress.total) return std::nullopt;
  } else {
    if (has_fraction || !take_sign(line, '/')) return std::nullopt;
    skip_blanks(line);
    if (!take_number(line, progress.total) || progress.total == 0) return std::nullopt;
  }
  // "1/2x" is no count with a text.
  if (!line.empty() && line.front() != ' ' && line.front() != '\t') return std::nullopt;
  skip_blanks(line);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
  progress.text = line;
  return progress;
}

std::optional<Progress> ProgressLines::feed(std::string_view bytes) {
  std::optional<Progress> last;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find_first_of("\n\r");
    const std::string_view piece = bytes.substr(0, end);
    line_.append(piece.substr(0, kMostLine - line_.size()));
    if (end == std::string_view::npos) break;
    if (auto parsed = finish()) last = std::move(parsed);
    bytes.remove_prefix(end + 1);
  }
  return last;
}

std::optional<Progress> ProgressLines::finish() {
  auto parsed = parse_progress(line_);
  line_.clear();
  return parsed;
}

}  // namespace drover
