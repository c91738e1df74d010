#include "common/command.hpp"

#include <doctest/doctest.h>

using namespace drover;

namespace {

Command full_command() {
  Command command;
  command.argv = {"/bin/echo", "", "a b", std::string("nul\0inside", 10)};
  command.env = {{"DROVER_TASK", "resize 1"}, {"EMPTY", ""}};
  command.cwd = "/var/tmp";
  command.stdin_kind = StdinKind::Text;
  command.stdin_value = "line\nline\n";
  command.timeout = std::chrono::milliseconds(1500);
  command.grace = std::chrono::seconds(3);
  command.live_output = true;
  return command;
}

// Where the byte of the only difference between the two encodings lies.
std::size_t differing_byte(const Command& one, const Command& other) {
  const std::string a = encode_command(one), b = encode_command(other);
  REQUIRE(a.size() == b.size());
  std::size_t at = 0;
  while (at < a.size() && a[at] == b[at]) ++at;
  REQUIRE(at < a.size());
  return at;
}

}  // namespace

TEST_CASE("a command comes out as it went in") {
  const Command command = full_command();
  Command copy;
  REQUIRE(decode_command(encode_command(command), copy));
  CHECK(copy.argv == command.argv);
  CHECK(copy.env == command.env);
  CHECK(copy.cwd == command.cwd);
  CHECK(copy.stdin_kind == command.stdin_kind);
  CHECK(copy.stdin_value == command.stdin_value);
  CHECK(copy.timeout == command.timeout);
  CHECK(copy.grace == command.grace);
  CHECK(copy.live_output);
}

TEST_CASE("decoding a command replaces what was there") {
  Command plain;
  plain.argv = {"true"};
  Command copy = full_command();
  REQUIRE(decode_command(encode_command(plain), copy));
  CHECK(copy.argv == plain.argv);
  CHECK(copy.env.empty());
  CHECK(copy.cwd.empty());
  CHECK(copy.stdin_kind == StdinKind::Null);
  CHECK(copy.stdin_value.empty());
  CHECK(copy.timeout == Duration::zero());
  CHECK_FALSE(copy.live_output);
}

TEST_CASE("a command that was cut off anywhere, or has more behind it, is refused") {
  const std::string bytes = encode_command(full_command());
  Command copy;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_command(std::string_view(bytes).substr(0, size), copy));
  }
  CHECK_FALSE(decode_command(bytes + '\0', copy));
}

TEST_CASE("a command without a word, with a negative time or with an unknown choice is refused") {
  Command copy;
  Command command = full_command();
  command.argv.clear();
  CHECK_FALSE(decode_command(encode_command(command), copy));

  command = full_command();
  command.timeout = Duration(-1);
  CHECK_FALSE(decode_command(encode_command(command), copy));
  command = full_command();
  command.grace = Duration(-1);
  CHECK_FALSE(decode_command(encode_command(command), copy));

  const Command good = full_command();
  Command other = good;
  other.stdin_kind = StdinKind::File;
  std::string bytes = encode_command(good);
  bytes[differing_byte(good, other)] = 3;
  CHECK_FALSE(decode_command(bytes, copy));

  other = good;
  other.live_output = false;
  bytes = encode_command(good);
  bytes[differing_byte(good, other)] = 2;
  CHECK_FALSE(decode_command(bytes, copy));
}

TEST_CASE("a count that promises more than came makes the decoder reserve nothing") {
  std::string bytes = encode_command(full_command());
  bytes[0] = bytes[1] = bytes[2] = bytes[3] = '\xff';
  Command copy;
  CHECK_FALSE(decode_command(bytes, copy));
  CHECK(copy.argv.capacity() < 1000);
}
