#include "common/command.hpp"

#include "common/wire.hpp"

namespace drover {
namespace {

constexpr std::size_t kLeastString = sizeof(std::uint32_t);

}  // namespace

std::string encode_command(const Command& command) {
  WireWriter out;
  out.put(static_cast<std::uint32_t>(command.argv.size()));
  for (const std::string& word : command.argv) out.put_string(word);
  out.put(static_cast<std::uint32_t>(command.env.size()));
  for (const auto& [name, value] : command.env) {
    out.put_string(name);
    out.put_string(value);
  }
  out.put_string(command.cwd);
  out.put(static_cast<std::uint8_t>(command.stdin_kind));
  out.put_string(command.stdin_value);
  out.put(static_cast<std::int64_t>(command.timeout.count()));
  out.put(static_cast<std::int64_t>(command.grace.count()));
  out.put(static_cast<std::uint8_t>(command.live_output ? 1 : 0));
  return out.take_bytes();
}

bool decode_command(std::string_view bytes, Command& command) {
  WireReader in(bytes);
  command.argv.resize(in.get_count(kLeastString));
  for (std::string& word : command.argv) word = in.get_string();
  command.env.resize(in.get_count(2 * kLeastString));
  for (auto& [name, value] : command.env) {
    name = in.get_string();
    value = in.get_string();
  }
  command.cwd = in.get_string();
  const auto stdin_kind = in.get<std::uint8_t>();
  command.stdin_value = in.get_string();
  command.timeout = Duration(in.get<std::int64_t>());
  command.grace = Duration(in.get<std::int64_t>());
  const auto live_output = in.get<std::uint8_t>();
  if (!in.done() || command.argv.empty()) return false;
  if (stdin_kind > static_cast<std::uint8_t>(StdinKind::Text) || live_output > 1) return false;
  if (command.timeout < Duration::zero() || command.grace < Duration::zero()) return false;
  command.stdin_kind = static_cast<StdinKind>(stdin_kind);
  command.live_output = live_output == 1;
  return true;
}

}  // namespace drover
