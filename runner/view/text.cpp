#include "runner/view/text.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace drover {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // 0: these bytes are no UTF-8
};

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
  std::uint32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return {};
  return {value, size};
}

bool is_control(std::uint32_t value) {
  return value < 0x20 || (value >= 0x7F && value < 0xA0);
}

bool is_wide(std::uint32_t value) {
  return (value >= 0x1100 && value <= 0x115F) || (value >= 0x2E80 && value <= 0xA4CF) ||
         (value >= 0xAC00 && value <= 0xD7A3) || (value >= 0xF900 && value <= 0xFAFF) ||
         (value >= 0xFE30 && value <= 0xFE6F) || (value >= 0xFF00 && value <= 0xFF60) ||
         (value >= 0xFFE0 && value <= 0xFFE6) || (value >= 0x1F300 && value <= 0x1FAFF) ||
         (value >= 0x20000 && value <= 0x3FFFD);
}

std::int64_t seconds_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

std::string safe_text(std::string_view text, Newlines newlines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const std::size_t size = point.size == 0 ? 1 : point.size;
    const bool kept = point.value == '\t' || (point.value == '\n' && newlines == Newlines::Keep);
    if (point.size != 0 && (kept || !is_control(point.value))) {
      out += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size)) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string_view cut_to_columns(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint point = first_code_point(text.substr(at));
    const std::size_t wide = is_wide(point.value) ? 2 : 1;
    if (wide > columns) break;
    columns -= wide;
    at += point.size == 0 ? 1 : point.size;
  }
  return text.substr(0, at);
}

std::string whole_duration(Duration duration) {
  const std::int64_t seconds = seconds_of(duration);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m{:02}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string short_duration(Duration duration) {
  // Above 59.995 s two decimals would round to "60.00s".
  if (duration >= std::chrono::milliseconds(59'995)) {
    return whole_duration(duration + std::chrono::milliseconds(500));
  }
  return fmt::format("{:.2f}s", std::chrono::duration<double>(duration).count());
}

std::string clock_duration(Duration duration) {
  const std::int64_t seconds = seconds_of(duration);
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace drover
