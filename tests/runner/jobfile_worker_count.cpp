#include <doctest/doctest.h>

#include "runner/jobfile/worker_count.hpp"

using drover::parse_worker_count;

namespace {

unsigned count_of(std::string_view text, unsigned cpus) {
  CAPTURE(text);
  const auto count = parse_worker_count(text, cpus);
  REQUIRE(count.ok());
  return *count;
}

std::string mistake_in(std::string_view text) {
  CAPTURE(text);
  const auto count = parse_worker_count(text, 8);
  REQUIRE_FALSE(count.ok());
  return count.mistake();
}

}  // namespace

TEST_CASE("a plain number of workers does not depend on the CPUs") {
  CHECK(count_of("1", 8) == 1);
  CHECK(count_of("12", 8) == 12);
  CHECK(count_of("65536", 1) == 65536);
}

TEST_CASE("a share of workers is of the CPUs, rounded down, and at least one") {
  CHECK(count_of("100%", 8) == 8);
  CHECK(count_of("50%", 8) == 4);
  CHECK(count_of("50%", 3) == 1);
  CHECK(count_of("250%", 2) == 5);
  CHECK(count_of("1%", 8) == 1);
}

TEST_CASE("more or fewer workers than CPUs, at least one") {
  CHECK(count_of("+2", 8) == 10);
  CHECK(count_of("+0", 8) == 8);
  CHECK(count_of("-2", 8) == 6);
  CHECK(count_of("-0", 8) == 8);
  CHECK(count_of("-7", 8) == 1);
  CHECK(count_of("-8", 8) == 1);
  CHECK(count_of("-4000000000", 8) == 1);
  CHECK(count_of("-99999999999999999999999", 8) == 1);
}

TEST_CASE("no workers at all are refused with what to write instead") {
  CHECK(mistake_in("0") == "0 workers can do nothing; write 1 or more, or 100% for one a CPU");
  CHECK(mistake_in("0%") == "0% workers can do nothing; write 1 or more, or 100% for one a CPU");
}

TEST_CASE("what is no number of workers is refused with the reason") {
  const std::string how = " is no number of workers; write N, N%, +N or -N";
  for (const char* text : {"", "all", "8x", " 8", "8 ", "+", "-", "%", "+5%", "-5%", "1.5", "--1", "5%%"}) {
    CHECK(mistake_in(text) == '"' + std::string(text) + '"' + how);
  }
}

TEST_CASE("absurdly many workers are refused, whichever way they are written") {
  for (const char* text :
       {"65537", "+65536", "99999999999999999999999", "+99999999999999999999999", "10000000%"}) {
    CHECK(mistake_in(text) == '"' + std::string(text) + "\" is too many workers; write at most 65536");
  }
}
