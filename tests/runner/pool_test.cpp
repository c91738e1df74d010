#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runner/pool/cpus.hpp"
#include "runner/pool/poller.hpp"
#include "runner/pool/restart_limit.hpp"

namespace drover::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Instant at(Duration since) {
  return Instant(seconds(1000)) + since;
}

Poller make_poller() {
  return std::move(Poller::create()).value();
}

void ring(const UniqueFd& bell) {
  const std::uint64_t one = 1;
  REQUIRE(::write(bell.get(), &one, sizeof one) == sizeof one);
}

}  // namespace

TEST_CASE("deaths of idle workers are forgiven until there are too many within the period") {
  RestartLimit limit({.intensity = 2, .period = seconds(10)});
  CHECK(limit.on_death(at(seconds(0))));
  CHECK(limit.on_death(at(seconds(1))));
  CHECK(limit.on_death(at(seconds(11))));  // the first is out of the period
  CHECK_FALSE(limit.on_death(at(seconds(11))));
}

TEST_CASE("each death in a row doubles the wait before the next start, up to its limit") {
  RestartLimit limit({.intensity = 100,
                      .period = seconds(60),
                      .first_delay = milliseconds(50),
                      .most_delay = milliseconds(150)});
  (void)limit.on_death(at(seconds(0)));
  CHECK(limit.next_start() == at(milliseconds(50)));
  (void)limit.on_death(at(seconds(1)));
  CHECK(limit.next_start() == at(milliseconds(1100)));
  (void)limit.on_death(at(seconds(2)));
  CHECK(limit.next_start() == at(milliseconds(2150)));
}

TEST_CASE("before the first death nothing delays a start") {
  CHECK(RestartLimit().next_start() <= now());
}

TEST_CASE("the poller calls the handler of what is readable and nothing else") {
  Poller poller = make_poller();
  const UniqueFd quiet(::eventfd(0, EFD_CLOEXEC)), loud(::eventfd(0, EFD_CLOEXEC));
  int quiet_calls = 0, loud_calls = 0;
  REQUIRE(poller.watch(quiet.get(), Poller::Trigger::Level, [&] { ++quiet_calls; }));
  REQUIRE(poller.watch(loud.get(), Poller::Trigger::Level, [&] { ++loud_calls; }));
  ring(loud);
  poller.wait(std::nullopt);
  poller.wait(std::nullopt);
  CHECK(loud_calls == 2);  // level: told until it is read
  CHECK(quiet_calls == 0);
}

TEST_CASE("an edge-triggered descriptor tells of each ring although nobody reads it") {
  Poller poller = make_poller();
  const UniqueFd bell(::eventfd(0, EFD_CLOEXEC));
  int calls = 0;
  REQUIRE(poller.watch(bell.get(), Poller::Trigger::Edge, [&] { ++calls; }));
  ring(bell);
  poller.wait(Instant{});
  poller.wait(Instant{});
  CHECK(calls == 1);
  ring(bell);
  poller.wait(Instant{});
  CHECK(calls == 2);
}

TEST_CASE(
    "a handler may forget another descriptor that is reported in the same wait, which is then not called") {
  Poller poller = make_poller();
  const UniqueFd first(::eventfd(0, EFD_CLOEXEC)), second(::eventfd(0, EFD_CLOEXEC));
  int calls = 0;
  REQUIRE(poller.watch(first.get(), Poller::Trigger::Level, [&] {
    ++calls;
    poller.forget(first.get());
    poller.forget(second.get());
  }));
  REQUIRE(poller.watch(second.get(), Poller::Trigger::Level, [&] {
    ++calls;
    poller.forget(first.get());
    poller.forget(second.get());
  }));
  ring(first);
  ring(second);
  poller.wait(Instant{});
  poller.wait(Instant{});
  CHECK(calls == 1);
}

TEST_CASE("the poller wakes at its deadline when nothing happens") {
  Poller poller = make_poller();
  const Instant deadline = now() + milliseconds(5);
  poller.wait(deadline);
  CHECK(now() >= deadline);
}

TEST_CASE("a process may use at least one CPU, and never more than are allowed to it") {
  CHECK(usable_cpus() >= 1);
  CHECK(usable_cpus() <= static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace drover::test
