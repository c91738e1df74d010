// What functions throw, and what cannot be decoded: it comes back as what it was, and costs its task alone.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library/futures_gate.hpp"

using namespace std::string_literals;

namespace {

// Whose bytes, written or read, in the worker or here, do what `mode` says.
struct Trap {
  enum class Mode { Good, ThrowInWorker, ThrowHere, DieInWorker, Lie };
  Mode mode = Mode::Good;
};
bool in_worker() {
  return drover::detail::started_as_worker();
}

int good(int value) {
  return value;
}
Trap pass_on(Trap trap) {
  return trap;
}
std::size_t swallow(std::string, Trap) {
  return 0;
}
Trap make(Trap::Mode mode) {
  return {mode};
}

}  // namespace

template <>
struct drover::Codec<Trap> {
  static void spring(Trap::Mode mode) {
    if (mode == Trap::Mode::ThrowInWorker && in_worker()) throw std::overflow_error("trapped");
    if (mode == Trap::Mode::ThrowHere && !in_worker()) throw std::overflow_error("trapped");
    if (mode == Trap::Mode::DieInWorker && in_worker()) std::raise(SIGKILL);
  }
  static void encode(Encoder& out, const Trap& trap) {
    spring(trap.mode);
    out.value(trap.mode == Trap::Mode::Lie && in_worker() ? 1000 : static_cast<int>(trap.mode));
  }
  static Trap decode(Decoder& in) {
    const int mode = in.value<int>();
    if (mode < 0 || mode > static_cast<int>(Trap::Mode::Lie)) throw DecodeError("no such trap");
    spring(static_cast<Trap::Mode>(mode));
    return {static_cast<Trap::Mode>(mode)};
  }
};

namespace {

void nested_three() {
  try {
    try {
      throw std::out_of_range("innermost");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("middle"));
    }
  } catch (...) {
    std::throw_with_nested(std::logic_error("outermost"));
  }
}
void long_text(std::size_t size) {
  throw std::runtime_error(std::string(size, 'x'));
}
void odd_text() {
  throw std::runtime_error("tab\t newline\n escape\x1b[31m euro \xe2\x82\xac broken \xff end");
}
void throw_int() {
  throw 5;
}
void throw_string() {
  throw "a string"s;
}
void throw_literal() {
  throw "a literal";
}
struct Odd {
  int value = 1;
};
void throw_odd() {
  throw Odd{};
}
class Special : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};
void throw_special() {
  throw Special("very special");
}
class Own : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "my own"; }
};
void throw_own() {
  throw Own();
}
void throw_system() {
  throw std::system_error(ENOENT, std::generic_category(), "open it");
}
void throw_file() {
  throw std::filesystem::filesystem_error("copy", "/a", "/b",
                                          std::make_error_code(std::errc::permission_denied));
}
void throw_future() {
  throw std::future_error(std::future_errc::broken_promise);
}
void throw_cancelled() {
  throw drover::Cancelled(drover::RemoteStory{});
}
void bad_access() {
  (void)std::vector<int>{}.at(3);
}
void optional_access() {
  (void)std::optional<int>{}.value();
}

template <auto F, class... A>
const drover::RemoteDetails& story(drover::Coordinator& coordinator, std::exception_ptr& kept,
                                   const A&... args) {
  kept = coordinator.submit_with<F>({.name = "bad"}, args...).error();
  REQUIRE(kept);
  try {
    std::rethrow_exception(kept);
  } catch (const drover::RemoteDetails& details) {
    return details;
  } catch (...) {
  }
  throw std::logic_error("no story");
}

}  // namespace

TEST_CASE("standard exceptions come back as themselves, with all that they hold") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK_THROWS_AS(coordinator.submit<&bad_access>().get(), std::out_of_range);
  CHECK_THROWS_AS(coordinator.submit<&optional_access>().get(), std::bad_optional_access);
  try {
    coordinator.submit<&throw_system>().get();
  } catch (const std::system_error& thrown) {
    CHECK(thrown.code() == std::errc::no_such_file_or_directory);
  }
  try {
    coordinator.submit<&throw_file>().get();
  } catch (const std::filesystem::filesystem_error& thrown) {
    CHECK(thrown.path1() == "/a");
    CHECK(thrown.path2() == "/b");
    CHECK(thrown.code() == std::errc::permission_denied);
  }
  try {
    coordinator.submit<&throw_future>().get();
  } catch (const std::future_error& thrown) {
    CHECK(thrown.code() == std::future_errc::broken_promise);
  }
}

TEST_CASE("a type of one's own comes back as its nearest standard base and tells its name") {
  drover::Coordinator coordinator({.workers = 1});
  std::exception_ptr kept;
  CHECK_THROWS_WITH_AS(coordinator.submit<&throw_special>().get(), "very special", std::invalid_argument);
  CHECK(story<&throw_special>(coordinator, kept).remote_type().find("Special") != std::string::npos);
  CHECK_THROWS_WITH_AS(coordinator.submit<&throw_own>().get(), "my own", drover::RemoteError);
  CHECK(story<&throw_own>(coordinator, kept).task_name() == "bad");
}

TEST_CASE("what is no exception comes back as its type and value") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK_THROWS_WITH_AS(coordinator.submit<&throw_int>().get(), "int: 5", drover::RemoteError);
  std::exception_ptr kept;
  CHECK(story<&throw_string>(coordinator, kept).remote_what() == "a string");
  CHECK(story<&throw_literal>(coordinator, kept).remote_what() == "a literal");
  CHECK(story<&throw_odd>(coordinator, kept).remote_type().find("Odd") != std::string::npos);
}

TEST_CASE("what was nested comes along, outermost first") {
  drover::Coordinator coordinator({.workers = 1});
  std::exception_ptr kept;
  const auto& details = story<&nested_three>(coordinator, kept);
  CHECK(details.remote_what() == "outermost");
  REQUIRE(details.causes().size() == 2);
  CHECK(details.causes()[0].what == "middle");
  CHECK(details.causes()[1].what == "innermost");
  CHECK(details.causes()[1].type == "std::out_of_range");
  CHECK_THROWS_AS(std::rethrow_exception(kept), std::logic_error);
}

TEST_CASE("a long text is cut, an odd one arrives byte by byte") {
  drover::Coordinator coordinator({.workers = 1});
  std::exception_ptr kept;
  CHECK(story<&long_text>(coordinator, kept, std::size_t{60'000}).remote_what() == std::string(60'000, 'x'));
  const std::string cut = story<&long_text>(coordinator, kept, std::size_t{5} << 20).remote_what();
  CHECK(cut.size() <= 64 * 1024);
  CHECK(cut.size() > 60 * 1024);
  CHECK(story<&odd_text>(coordinator, kept).remote_what() ==
        "tab\t newline\n escape\x1b[31m euro \xe2\x82\xac broken \xff end");
}

TEST_CASE("a function that throws what drover throws has failed, not been cancelled") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&throw_cancelled>({.retries = 1});
  CHECK_THROWS_AS(task.get(), std::runtime_error);
  CHECK(task.state() == drover::TaskStatus::Failed);
  CHECK(task.info().attempts == 2);
}

TEST_CASE("a value that cannot be encoded is refused where it is submitted, and nothing was submitted") {
  drover::Coordinator coordinator({.workers = 1, .max_queued = 2});
  for (int i = 0; i < 10; ++i)
    CHECK_THROWS_AS((void)coordinator.submit<&pass_on>(Trap{Trap::Mode::ThrowHere}), std::overflow_error);
  CHECK(coordinator.submit<&pass_on>(Trap{}).get().mode == Trap::Mode::Good);
}

TEST_CASE("an argument that the worker cannot decode fails its task") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&pass_on>(Trap{Trap::Mode::ThrowInWorker});
  CHECK_THROWS_WITH_AS(task.get(), "trapped", std::overflow_error);
  CHECK(task.state() == drover::TaskStatus::Failed);
  CHECK(coordinator.submit<&good>(1).get() == 1);
}

TEST_CASE("a worker that dies over an argument or a result costs that task") {
  drover::Coordinator coordinator({.workers = 1});
  CHECK_THROWS_AS(coordinator.submit<&pass_on>(Trap{Trap::Mode::DieInWorker}).get(), drover::WorkerDied);
  CHECK_THROWS_AS(coordinator.submit<&make>(Trap::Mode::DieInWorker).get(), drover::WorkerDied);
  const std::string big(5 << 20, 'x');
  CHECK_THROWS_AS(coordinator.submit<&swallow>(big, Trap{Trap::Mode::DieInWorker}).get(), drover::WorkerDied);
  CHECK(coordinator.submit<&good>(1).get() == 1);
  CHECK(coordinator.workers_lost() == 3);
}

TEST_CASE("a result that the worker cannot encode fails its task") {
  drover::Coordinator coordinator({.workers = 1});
  auto task = coordinator.submit<&make>(Trap::Mode::ThrowInWorker);
  CHECK_THROWS_WITH_AS(task.get(), "trapped", std::overflow_error);
  CHECK(coordinator.submit<&good>(1).get() == 1);
}

TEST_CASE("a result that does not decode here throws where it is asked for, each time, and stops nobody") {
  drover::Coordinator coordinator({.workers = 1});
  auto lie = coordinator.submit<&make>(Trap::Mode::Lie);
  CHECK_THROWS_AS((void)lie.get(), drover::DecodeError);
  CHECK_THROWS_AS((void)lie.get(), drover::DecodeError);
  CHECK_THROWS_AS((void)coordinator.submit<&make>(Trap::Mode::ThrowHere).get(), std::overflow_error);
  int thrown = 0;
  const std::vector modes{Trap::Mode::Good, Trap::Mode::Lie, Trap::Mode::ThrowHere, Trap::Mode::Good};
  for (auto&& [index, result] : coordinator.map_unordered<&make>(modes)) thrown += !result.has_value();
  CHECK(thrown == 2);
  auto handled = coordinator.submit<&make>(Trap::Mode::Lie).then([](drover::TaskHandle<Trap> task) {
    CHECK_THROWS_AS((void)task.get(), drover::DecodeError);
    return 1;
  });
  CHECK(handled.get() == 1);
}
