// This test program, run again in a process of its own.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace drover::test {

// What one test case prints, among them those that are skipped as a rule. `first` comes before all other
// words; a test's name is a pattern in which a comma separates.
inline std::string printed_by_self(const std::string& test_case, const std::string& first = "") {
  char self[4096];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self);
  REQUIRE(size > 0);
  const std::string command = "'" + std::string(self, static_cast<std::size_t>(size)) + "' " + first +
                              " --no-skip --no-intro --no-version -tc='" + test_case + "'";
  std::FILE* from = ::popen(command.c_str(), "r");
  REQUIRE(from != nullptr);
  std::string text;
  char chunk[4096];
  while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, from)) text.append(chunk, got);
  CHECK(::pclose(from) == 0);
  return text.substr(0, text.find("====="));  // what doctest adds
}

}  // namespace drover::test
