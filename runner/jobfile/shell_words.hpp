// Whether a command string needs a shell, and the argument list that executes it. Does not expand, quote or
// start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover {

enum class ShellChoice {
  Auto,   // a shell when the text has a meaning that only a shell knows
  Never,  // split at blanks, nothing else
  Always,
};

// True unless every word is plain ([A-Za-z0-9_@%+:,./=-]) and the first holds no '=' and is no shell keyword
// or builtin that means something else than the program of that name.
[[nodiscard]] bool needs_shell(std::string_view text);

// What to execute for `text`; `shell` is a program that understands -c. Empty only for Never and a blank
// text.
[[nodiscard]] std::vector<std::string> command_argv(std::string_view text, std::string_view shell,
                                                    ShellChoice choice);

// An argument list as one would type it, for people: words that are not plain stand in single quotes.
[[nodiscard]] std::string shown_command(const std::vector<std::string>& argv);

// No character but blanks (space, tab, line ends).
[[nodiscard]] bool is_blank(std::string_view text);

}  // namespace drover
