// A mistake in what the user wrote, with its place. Knows nothing of what kind of file it is in.
#pragma once

#include <string>
#include <string_view>

namespace drover {

struct Diagnostic {
  std::string file;
  unsigned line = 0;    // from 1; 0: the mistake has no line
  unsigned column = 0;  // from 1, in characters; 0: unknown
  std::string text;     // "what is wrong; what to do"
};

// "drover: FILE:LINE:COLUMN: what is wrong; what to do", without the parts that are unknown.
[[nodiscard]] std::string format(const Diagnostic& diagnostic);

// Text without control characters, which a terminal could obey: a line end becomes \n.
[[nodiscard]] std::string escaped(std::string_view text);

// The user's own text between double quotes, escaped;
// what is longer than a diagnostic can bear is cut.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace drover
