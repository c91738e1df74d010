// The exceptions that a user of the library catches: what comes back of what a function threw, and what
// drover says itself.
#include <drover/error.hpp>

#include <signal.h>

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "tests/common/exception_testing.hpp"

namespace drover::test {
namespace user {

struct Beyond : std::out_of_range {
  using std::out_of_range::out_of_range;
};
struct Own : std::exception {
  explicit Own(const char* text) : text_(text) {}
  [[nodiscard]] const char* what() const noexcept override { return text_; }
  const char* text_;
};
struct Thing {};
struct Category : std::error_category {
  [[nodiscard]] const char* name() const noexcept override { return "printer"; }
  [[nodiscard]] std::string message(int) const override { return "on fire"; }
};

}  // namespace user

namespace {

using namespace std::chrono_literals;

template <class E>
void comes_back_as_itself(const E& original, const std::string& type) {
  CAPTURE(type);
  const std::exception_ptr back = there_and_back(thrown(original));
  caught_as<E>(back, [&](const E& exception) {
    CHECK(std::string(exception.what()) == original.what());
    const RemoteDetails& story = story_of(exception);
    CHECK(story.remote_type() == type);
    CHECK(story.remote_what() == original.what());
    CHECK(story.causes().empty());
    CHECK(typeid(exception) == typeid(Remote<E>));
  });
  caught_as<std::exception>(
      back, [&](const std::exception& any) { CHECK(std::string(any.what()) == original.what()); });
}

template <class E>
void code_comes_back(const E& original) {
  caught_as<E>(there_and_back(thrown(original)), [&](const E& exception) {
    CHECK(exception.code() == original.code());
    const E base_alone = exception;
    CHECK(std::string(base_alone.what()) == original.what());
  });
}

void what_comes_back(const std::exception_ptr& original, const std::string& type,
                     const std::string& remote_what, const std::string& what) {
  CAPTURE(type);
  caught_as<RemoteError>(there_and_back(original), [&](const RemoteError& exception) {
    CHECK(exception.remote_type() == type);
    CHECK(exception.remote_what() == remote_what);
    CHECK(std::string(exception.what()) == what);
  });
}

std::string sentence(const WorkerAccount& account) {
  return WorkerDied(account).what();
}

}  // namespace

static_assert(std::is_nothrow_copy_constructible_v<RemoteDetails>);
static_assert(std::is_nothrow_copy_constructible_v<RemoteError>);
static_assert(std::is_nothrow_copy_constructible_v<Remote<std::out_of_range>>);
static_assert(std::is_nothrow_copy_constructible_v<WorkerDied>);
static_assert(std::is_nothrow_move_constructible_v<WorkerDied>);

TEST_CASE("standard types with a text are thrown again as themselves") {
  comes_back_as_itself(std::logic_error("a"), "std::logic_error");
  comes_back_as_itself(std::invalid_argument("b"), "std::invalid_argument");
  comes_back_as_itself(std::domain_error("c"), "std::domain_error");
  comes_back_as_itself(std::length_error("d"), "std::length_error");
  comes_back_as_itself(std::out_of_range("e"), "std::out_of_range");
  comes_back_as_itself(std::runtime_error(""), "std::runtime_error");
  comes_back_as_itself(std::range_error("f\ng"), "std::range_error");
  comes_back_as_itself(std::overflow_error("\xff\x80"), "std::overflow_error");
  comes_back_as_itself(std::underflow_error("h"), "std::underflow_error");
}

TEST_CASE("standard types without a text are thrown again as themselves") {
  comes_back_as_itself(std::bad_alloc(), "std::bad_alloc");
  comes_back_as_itself(std::bad_array_new_length(), "std::bad_array_new_length");
  comes_back_as_itself(std::bad_cast(), "std::bad_cast");
  comes_back_as_itself(std::bad_any_cast(), "std::bad_any_cast");
  comes_back_as_itself(std::bad_typeid(), "std::bad_typeid");
  comes_back_as_itself(std::bad_exception(), "std::bad_exception");
  comes_back_as_itself(std::bad_function_call(), "std::bad_function_call");
  comes_back_as_itself(std::bad_optional_access(), "std::bad_optional_access");
  comes_back_as_itself(std::bad_variant_access(), "std::bad_variant_access");
  comes_back_as_itself(std::bad_weak_ptr(), "std::bad_weak_ptr");
}

TEST_CASE("standard types with a code come back with it") {
  const std::error_code no_file(ENOENT, std::system_category());
  comes_back_as_itself(std::system_error(no_file, "open x"), "std::system_error");
  comes_back_as_itself(std::ios_base::failure("read"), "std::ios_base::failure");
  comes_back_as_itself(std::future_error(std::future_errc::broken_promise), "std::future_error");
  comes_back_as_itself(std::regex_error(std::regex_constants::error_brack), "std::regex_error");
  code_comes_back(std::system_error(no_file, "open x"));
  code_comes_back(std::system_error(no_file));
  code_comes_back(std::system_error(make_error_code(std::errc::timed_out), "connect: slow"));
  code_comes_back(std::system_error(make_error_code(std::future_errc::no_state), "a"));
  code_comes_back(std::ios_base::failure("read"));
  code_comes_back(std::ios_base::failure("read", no_file));
  code_comes_back(std::future_error(std::future_errc::broken_promise));
  code_comes_back(std::regex_error(std::regex_constants::error_brack));
}

TEST_CASE("an error of the file system comes back with its paths") {
  using std::filesystem::filesystem_error;
  const filesystem_error original("cannot rename", "/no/such", "/other",
                                  make_error_code(std::errc::no_such_file_or_directory));
  comes_back_as_itself(original, "std::filesystem::filesystem_error");
  code_comes_back(original);
  caught_as<filesystem_error>(there_and_back(thrown(original)), [](const filesystem_error& exception) {
    CHECK(exception.path1() == "/no/such");
    CHECK(exception.path2() == "/other");
  });
}

TEST_CASE("a code of a category that only the worker knows equals no code here") {
  const user::Category category;
  const std::system_error original(ENOENT, category, "page 3");
  comes_back_as_itself(original, "std::system_error");
  caught_as<std::system_error>(there_and_back(thrown(original)), [](const std::system_error& exception) {
    CHECK(exception.code().value() == ENOENT);
    CHECK(exception.code() != std::errc::no_such_file_or_directory);
    CHECK(std::string(exception.code().category().name()) == "drover.remote");
  });
}

TEST_CASE("a user's type is thrown again as its nearest standard base, and named") {
  caught_as<std::out_of_range>(there_and_back(thrown(user::Beyond("the end"))), [](const auto& exception) {
    CHECK(std::string(exception.what()) == "the end");
    CHECK(story_of(exception).remote_type() == "drover::test::user::Beyond");
  });
}

TEST_CASE("what has no standard base comes back as RemoteError") {
  what_comes_back(thrown(user::Own("own words")), "drover::test::user::Own", "own words", "own words");
  what_comes_back(thrown(user::Own(nullptr)), "drover::test::user::Own", "", "");
  what_comes_back(thrown(user::Thing{}), "drover::test::user::Thing", "", "drover::test::user::Thing thrown");
  what_comes_back(thrown(5), "int", "5", "int: 5");
  what_comes_back(thrown(-7LL), "long long", "-7", "long long: -7");
  what_comes_back(thrown(2.5), "double", "2.5", "double: 2.5");
  what_comes_back(thrown(true), "bool", "true", "bool: true");
  what_comes_back(thrown('x'), "char", "x", "char: x");
  what_comes_back(thrown(static_cast<const char*>("text")), "char const*", "text", "char const*: text");
  what_comes_back(thrown(static_cast<const char*>(nullptr)), "char const*", "", "char const* thrown");
  what_comes_back(thrown(std::string("a\0b", 3)), "std::string", std::string("a\0b", 3), "std::string: a b");
}

TEST_CASE("nested exceptions are told, outermost first") {
  const std::exception_ptr original = leaving([] {
    try {
      try {
        throw std::out_of_range("the disk");
      } catch (...) {
        std::throw_with_nested(user::Thing{});
      }
    } catch (...) {
      std::throw_with_nested(std::invalid_argument("the file"));
    }
  });
  caught_as<std::invalid_argument>(there_and_back(original), [](const auto& exception) {
    const RemoteDetails& story = story_of(exception);
    CHECK(story.remote_type() == "std::invalid_argument");
    REQUIRE(story.causes().size() == 2);
    CHECK(story.causes()[0].type == "drover::test::user::Thing");
    CHECK(story.causes()[0].what.empty());
    CHECK(story.causes()[1].type == "std::out_of_range");
    CHECK(story.causes()[1].what == "the disk");
  });
}

TEST_CASE("whose failure it is, is told with it") {
  caught_as<RemoteDetails>(there_and_back(thrown(std::bad_alloc())), [](const RemoteDetails& story) {
    CHECK(story.task() == 12);
    CHECK(story.task_name() == "shot 12");
    CHECK(story.attempt() == 2);
    CHECK(story.stderr_tail() == "its last words\n");
  });
}

TEST_CASE("a copy of an exception outlives it, text and all") {
  std::optional<Remote<std::bad_alloc>> original{std::in_place, RemoteDetails(kStory, "type", "words")};
  const Remote<std::bad_alloc> copy = *original;
  const RemoteDetails story = std::move(*original);
  CHECK(std::string(original->what()) == "words");
  original.reset();
  CHECK(std::string(copy.what()) == "words");
  CHECK(story.task_name() == "shot 12");
}

TEST_CASE("the death of a worker is one sentence") {
  WorkerAccount account{.signal = SIGSEGV,
                        .peak_memory_bytes = 41 << 20,
                        .progress_done = 3,
                        .progress_total = 10,
                        .attempts = 2,
                        .task_name = "shot 12"};
  CHECK(sentence(account) ==
        "worker died of SIGSEGV while running 'shot 12' (attempt 2, at 3 of 10, 41 MiB)");
  account.progress_text = "frame\n9";
  account.core_dumped = true;
  account.peak_memory_bytes = std::uint64_t{5} << 29;
  CHECK(sentence(account) ==
        "worker died of SIGSEGV while running 'shot 12' (attempt 2, core dumped, at 3 of 10, frame 9, 2.5 "
        "GiB)");
  CHECK(sentence({.exit_code = 3, .attempts = 1, .task = 7}) ==
        "worker ended with exit code 3 while running task #7");
  CHECK(sentence({.signal = SIGKILL, .out_of_memory = true, .task_name = "a"}) ==
        "worker was killed for memory (SIGKILL) while running 'a'");
  CHECK(sentence({.out_of_memory = true, .progress_done = 5, .task_name = "a"}) ==
        "worker ran out of memory while running 'a' (at 5)");
}

TEST_CASE("the death of a worker carries its account") {
  const WorkerDied died(
      {.signal = SIGABRT, .stderr_tail = "oops", .attempts = 3, .task = 9, .task_name = "b"});
  CHECK(died.account().signal == SIGABRT);
  CHECK(died.task() == 9);
  CHECK(died.task_name() == "b");
  CHECK(died.attempt() == 3);
  CHECK(died.stderr_tail() == "oops");
  CHECK(died.remote_type().empty());
}

TEST_CASE("a time-out, a cancellation and a failed start say whom they hit") {
  CHECK(std::string(TimedOut(kStory, 30s).what()) == "'shot 12' timed out after 30 s (attempt 2)");
  CHECK(std::string(TimedOut({.task = 4, .attempt = 1}, 300ms).what()) == "task #4 timed out after 0.3 s");
  CHECK(TimedOut(kStory, 300ms).limit() == 300ms);
  CHECK(std::string(Cancelled(kStory).what()) == "'shot 12' was cancelled");
  CHECK(std::string(Cancelled(kStory, "its group\nhas failed").what()) ==
        "'shot 12' was cancelled: its group has failed");
  const CouldNotStart missing(kStory, 127, "tar: not found");
  CHECK(std::string(missing.what()) == "'shot 12' could not start (127): tar: not found");
  CHECK(missing.exit_code() == 127);
}

TEST_CASE("std::exception finds all that drover throws, and RemoteDetails what tells of a task") {
  for (const std::exception_ptr& each :
       {thrown(WorkerDied({})), thrown(TimedOut(kStory, 1s)), thrown(Cancelled(kStory)),
        thrown(CouldNotStart(kStory, 126)), thrown(RemoteError("a", RemoteDetails(kStory)))}) {
    caught_as<std::exception>(each, [](const std::exception& exception) { story_of(exception); });
    caught_as<std::runtime_error>(each, [](const std::runtime_error&) {});
  }
  caught_as<std::runtime_error>(thrown(CoordinatorFailed("a")), [](const std::exception&) {});
  caught_as<std::logic_error>(thrown(WouldDeadlock("a")), [](const std::exception&) {});
  caught_as<std::logic_error>(thrown(ShutDown()), [](const std::exception&) {});
}

}  // namespace drover::test
