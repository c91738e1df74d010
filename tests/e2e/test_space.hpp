// A folder of its own for each test, in which it runs `drover` as a user types it. Whatever a test starts
// here has a mark in its environment; what of it is alive after a run has ended fails the test.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/fifo.hpp"
#include "tests/e2e/processes.hpp"
#include "tests/e2e/program.hpp"

namespace drover::test {

// For CHECK(ran.err == Has("…")): shows the text when it is not in there.
struct Has {
  explicit Has(std::string text) : wanted(std::move(text)) {}
  std::string wanted;
  friend bool operator==(const std::string& text, const Has& has) {
    return text.find(has.wanted) != std::string::npos;
  }
  friend bool operator!=(const std::string& text, const Has& has) { return !(text == has); }
  friend std::ostream& operator<<(std::ostream& out, const Has& has) {
    return out << "a text with \"" << has.wanted << '"';
  }
};

// A command list.
inline std::string lines(std::initializer_list<std::string> commands) {
  std::string text;
  for (const std::string& each : commands) text += each + "\n";
  return text;
}

inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

class TestSpace {
 public:
  TestSpace() {
    const char* base = ::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/drover-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    mark_ = "E2E_MARK=" + folder_.filename().string();
  }
  TestSpace(const TestSpace&) = delete;
  TestSpace& operator=(const TestSpace&) = delete;
  ~TestSpace() {
    if (std::uncaught_exceptions() == 0) check_nothing_left();
    for (const pid_t pid : processes_with_mark(mark_)) ::kill(pid, SIGKILL);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] const std::string& mark() const { return mark_; }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream out(folder_ / name, std::ios::binary);
    out << text;
    REQUIRE(out.flush().good());
  }
  // Empty when there is no such file.
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] Fifo fifo(const std::string& name) const { return Fifo(path(name)); }

  // `drover ARGS…`, in this folder.
  [[nodiscard]] Program start(const std::vector<std::string>& args, Start options = {}) const {
    const char* bin = ::getenv("DROVER_BIN");
    REQUIRE_MESSAGE(bin != nullptr, "DROVER_BIN names no folder with the programs to test");
    return start_program(std::string(bin) + "/drover", args, std::move(options));
  }
  [[nodiscard]] Program start_program(const std::string& file, const std::vector<std::string>& args,
                                      Start options = {}) const {
    if (options.cwd.empty()) options.cwd = folder_;
    const auto equals = mark_.find('=');
    options.env.emplace_back(mark_.substr(0, equals), mark_.substr(equals + 1));
    return Program(file, args, std::move(options));
  }
  [[nodiscard]] Ran run(const std::vector<std::string>& args, Start options = {}) const {
    return finish(start(args, std::move(options)));
  }
  // To its end; then nothing of it is left.
  [[nodiscard]] Ran finish(Program program) const {
    Ran ran = program.finish();
    check_nothing_left();
    return ran;
  }
  void check_nothing_left() const {
    const auto left = processes_with_mark(mark_);
    CHECK_MESSAGE(left.empty(), "left alive:" << describe_processes(left));
  }

 private:
  std::filesystem::path folder_;
  std::string mark_;
};

}  // namespace drover::test
