// The first line of main: which processes are drover's own.
#include <doctest/doctest.h>

#include <iostream>
#include <string>
#include <vector>

#include <drover/worker_main.hpp>

#include "tests/worker/self.hpp"

namespace drover::test {
namespace {

std::optional<int> main_with(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& each : words) argv.push_back(each.data());
  argv.push_back(nullptr);
  return worker_main(static_cast<int>(words.size()), argv.data());
}

}  // namespace

TEST_CASE("prints whether drover started this process" * doctest::skip()) {
  std::cout << (detail::worker_main_called() ? "called " : "")
            << (detail::started_as_worker() ? "yes" : "no");
}

TEST_CASE("a program that drover did not start goes on behind worker_main") {
  CHECK_FALSE(main_with({"program"}).has_value());
  CHECK_FALSE(main_with({"program", "--drover"}).has_value());
  CHECK_FALSE(main_with({"program", "file", "--drover-worker"}).has_value());
  CHECK(detail::worker_main_called());
  CHECK_FALSE(detail::started_as_worker());
}

TEST_CASE("a process is known as one of drover's by its first word, before main has looked at it") {
  const std::string asked = "prints whether drover started this process";
  CHECK(printed_by_self(asked) == "no");
  CHECK(printed_by_self(asked, "--drover-worker") == "yes");
  CHECK(printed_by_self(asked, "--drover-keeper") == "yes");
  CHECK(printed_by_self(asked, "--drover-workers") == "no");
}

TEST_CASE("a worker of a kind that there is not ends with 3") {
  CHECK(main_with({"program", "--drover-worker", "gardener"}) == 3);
  CHECK(main_with({"program", "--drover-worker"}) == 3);
}

}  // namespace drover::test
