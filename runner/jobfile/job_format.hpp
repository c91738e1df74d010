// Which language a job file is written in: by its name, or for a stream by how it begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace drover {

enum class JobFormat : std::uint8_t { Toml, List, JsonLines, CompileCommands };

// By the suffix; whatever has none of the known ones is a command list.
[[nodiscard]] JobFormat format_of(std::string_view path);

// The first line that is neither blank nor a comment, of the first bytes of a stream. Nothing when more bytes
// are needed (`at_end` is false), and an empty line when there is none at all.
[[nodiscard]] std::optional<std::string_view> first_written_line(std::string_view bytes, bool at_end);

// Whether a stream that begins with this line is TOML: a table header of a job file, or a top-level key of
// one with " =" after it. `name=x` and `[ -e file ]` are commands.
[[nodiscard]] bool looks_like_toml(std::string_view first_line);

}  // namespace drover
