// Job files of functions, built a task at a time, for the plugin of the tests.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <string>
#include <vector>

namespace drover::test {

class FunctionJob {
 public:
  // `args` as TOML writes them.
  void add(const std::string& name, const std::string& function, const std::string& args = "",
           const std::string& more = "") {
    text_ += "[[task]]\nname = \"" + name + "\"\nfunction = \"" + function + "\"\nargs = [" + args + "]\n" +
             more + "\n";
  }
  void add_command(const std::string& name, const std::string& command) {
    text_ += "[[task]]\nname = \"" + name + "\"\ncommand = \"" + command + "\"\n";
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline std::string hostile_plugin() {
  const char* folder = ::getenv("DROVER_PLUGINS");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_PLUGINS names no folder with the plugin of the tests");
  return std::string(folder) + "/hostile.so";
}

// `run --plugin … MORE… job.toml`
inline std::vector<std::string> with_plugin(std::vector<std::string> more) {
  std::vector<std::string> args{"run", "--plugin", hostile_plugin()};
  args.insert(args.end(), more.begin(), more.end());
  args.emplace_back("job.toml");
  return args;
}

}  // namespace drover::test
