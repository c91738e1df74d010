#include "runner/jobfile/shell_words.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace drover {
namespace {

enum class CharKind : std::uint8_t { Other, Plain, Blank };

constexpr std::array<CharKind, 256> make_kinds() {
  std::array<CharKind, 256> kinds{};
  for (unsigned c = 'a'; c <= 'z'; ++c) kinds[c] = CharKind::Plain;
  for (unsigned c = 'A'; c <= 'Z'; ++c) kinds[c] = CharKind::Plain;
  for (unsigned c = '0'; c <= '9'; ++c) kinds[c] = CharKind::Plain;
  for (const char c : std::string_view("_@%+:,./=-")) kinds[static_cast<unsigned char>(c)] = CharKind::Plain;
  kinds[' '] = kinds['\t'] = CharKind::Blank;
  return kinds;
}
constexpr auto kKinds = make_kinds();

CharKind kind_of(char c) {
  return kKinds[static_cast<unsigned char>(c)];
}

// Words that are plain by their letters and yet are the shell's own. Left out are those builtins that exist
// as programs with the same meaning: echo, false, kill, printf, pwd, test, true. Words of shells that --shell
// may name (bash, ksh, zsh) are here too: one too many costs a millisecond, one too few changes what a
// command means.
constexpr std::array kShellWords{
    // POSIX keywords; those of bash and ksh
    "case", "coproc", "do", "done", "elif", "else", "end", "esac", "fi", "for", "foreach", "function", "if",
    "in", "namespace", "nocorrect", "noglob", "repeat", "select", "then", "time", "until", "while",
    // special builtins
    ".", ":", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift",
    "times", "trap", "unset",
    // builtins without a program, or with one that cannot act on the shell
    "alias", "bg", "cd", "chdir", "command", "fc", "fg", "getopts", "hash", "jobs", "local", "read", "type",
    "ulimit", "umask", "unalias", "wait",
    // bash, ksh and zsh
    "autoload", "bind", "builtin", "caller", "compgen", "complete", "compopt", "declare", "dirs", "disown",
    "emulate", "enable", "float", "help", "history", "integer", "let", "logout", "mapfile", "popd", "print",
    "pushd", "readarray", "setopt", "shopt", "source", "suspend", "typeset", "unsetopt", "whence"};

constexpr std::size_t kLongestShellWord = 9;  // spares the search for most program names

constexpr auto make_sorted_shell_words() {
  std::array<std::string_view, kShellWords.size()> words{};
  std::copy(kShellWords.begin(), kShellWords.end(), words.begin());
  std::sort(words.begin(), words.end());
  return words;
}
constexpr auto kSortedShellWords = make_sorted_shell_words();

static_assert(std::all_of(kSortedShellWords.begin(), kSortedShellWords.end(),
                          [](std::string_view word) { return word.size() <= kLongestShellWord; }));

bool is_shell_word(std::string_view word) {
  return word.size() <= kLongestShellWord &&
         std::binary_search(kSortedShellWords.begin(), kSortedShellWords.end(), word);
}

// Takes the next word off the front; empty at the end.
std::string_view take_word(std::string_view& rest, bool (*is_separator)(char)) {
  std::size_t begin = 0;
  while (begin < rest.size() && is_separator(rest[begin])) ++begin;
  std::size_t end = begin;
  while (end < rest.size() && !is_separator(rest[end])) ++end;
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

bool separates_plain_words(char c) {
  return kind_of(c) == CharKind::Blank;
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::vector<std::string> split(std::string_view text, bool (*is_separator)(char)) {
  std::vector<std::string> words;
  for (std::string_view word = take_word(text, is_separator); !word.empty();
       word = take_word(text, is_separator)) {
    words.emplace_back(word);
  }
  return words;
}

}  // namespace

bool needs_shell(std::string_view text) {
  for (const char c : text) {
    if (kind_of(c) == CharKind::Other) return true;
  }
  std::string_view rest = text;
  const std::string_view first = take_word(rest, separates_plain_words);
  if (first.empty() || first.find('=') != std::string_view::npos || is_shell_word(first)) return true;
  // The shells' echo and the program's disagree on options: `echo -e` prints "-e" in dash.
  return first == "echo" && take_word(rest, separates_plain_words).starts_with('-');
}

std::vector<std::string> command_argv(std::string_view text, std::string_view shell, ShellChoice choice) {
  if (choice == ShellChoice::Never) return split(text, is_space);
  if (choice == ShellChoice::Auto && !needs_shell(text)) return split(text, separates_plain_words);
  std::string script(text);
  // After -c a shell still takes options: a script that begins like one needs a blank before it.
  if (text.starts_with('-') || text.starts_with('+')) script.insert(0, 1, ' ');
  return {std::string(shell), "-c", std::move(script)};
}

std::string shown_command(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) {
    if (!out.empty()) out += ' ';
    if (!word.empty() &&
        std::all_of(word.begin(), word.end(), [](char c) { return kind_of(c) == CharKind::Plain; })) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'') {
        out += "'\\''";
      } else {
        out += c;
      }
    }
    out += '\'';
  }
  return out;
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_space);
}

}  // namespace drover
