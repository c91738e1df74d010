// Text made fit for a person's terminal: control characters shown, lines cut by columns, durations in short.
// Knows nothing of tasks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/clock.hpp"

namespace drover {

enum class Newlines { Keep, Escape };

// What a terminal would obey or cannot show (control characters but tab, C1 controls, bytes that are no
// UTF-8) is written as \xNN.
[[nodiscard]] std::string safe_text(std::string_view text, Newlines newlines = Newlines::Escape);

// The longest beginning of `text` (safe text) that needs no more than `columns`; never cuts a code point.
// East Asian wide characters and emoji count for two; combining marks are not known and count for one.
[[nodiscard]] std::string_view cut_to_columns(std::string_view text, std::size_t columns);

// "0.25s", "12.30s", "4m10s", "1h02m03s".
[[nodiscard]] std::string short_duration(Duration duration);
// In whole seconds: "7s", "4m10s", "1h02m03s".
[[nodiscard]] std::string whole_duration(Duration duration);
// "0:42", "1:02:03".
[[nodiscard]] std::string clock_duration(Duration duration);

}  // namespace drover
