#include "runner/jobfile/diagnostic.hpp"

#include <fmt/format.h>

namespace drover {
namespace {

constexpr std::size_t kLongestQuote = 80;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::string format(const Diagnostic& diagnostic) {
  std::string out = "drover: ";
  if (!diagnostic.file.empty()) {
    out += diagnostic.file;
    if (diagnostic.line != 0) out += fmt::format(":{}", diagnostic.line);
    if (diagnostic.line != 0 && diagnostic.column != 0) out += fmt::format(":{}", diagnostic.column);
    out += ": ";
  }
  return out + diagnostic.text;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string quoted(std::string_view text) {
  bool cut = false;
  if (text.size() > kLongestQuote) {
    std::size_t end = kLongestQuote;
    while (end > 0 && continues_character(text[end])) --end;
    text = text.substr(0, end);
    cut = true;
  }
  std::string inner;
  for (const char c : text) {
    if (c == '"' || c == '\\') inner += '\\';
    inner += c;
  }
  return '"' + escaped(inner) + (cut ? "…\"" : "\"");
}

}  // namespace drover
