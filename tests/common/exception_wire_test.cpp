// What a worker says that its function threw: bounded when it is written, and not trusted when it is read.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "tests/common/exception_testing.hpp"
#include "tests/sanitized.hpp"

namespace drover::test {
namespace {

// `depth` exceptions, each nested in the next.
void throw_nested(int depth) {
  if (depth == 1) throw std::runtime_error("1");
  try {
    throw_nested(depth - 1);
  } catch (...) {
    std::throw_with_nested(std::runtime_error(std::to_string(depth)));
  }
}

// With a text in every field, and causes.
std::string full_record() {
  return encode_exception(leaving([] {
    try {
      throw_nested(2);
    } catch (...) {
      std::throw_with_nested(std::filesystem::filesystem_error(
          "cannot rename", "/no/such", "/other", make_error_code(std::errc::no_such_file_or_directory)));
    }
  }));
}

// Whatever decodes keeps the bounds, and can be thrown.
void check_decoding(const std::string& bytes) {
  ExceptionRecord record;
  if (!decode_exception(bytes, record)) return;
  CHECK(record.causes.size() <= kMostCauses);
  CHECK(record.what.size() <= kMostExceptionText);
  CHECK(first_line(record).find('\n') == std::string::npos);
  caught_as<std::exception>(rebuild(record, kStory), [](const std::exception& any) { story_of(any); });
}

void use_up_memory() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_AS, &none);
  for (std::size_t size = 1 << 20; size > 1024; size /= 2)
    while (std::malloc(size) != nullptr) {
    }
  for (std::size_t size = 1024; size >= 8; size -= 8)
    while (std::malloc(size) != nullptr) {
    }
}

}  // namespace

TEST_CASE("an account of an exception that is cut, lengthened or of an unknown type is refused") {
  const std::string bytes = full_record();
  ExceptionRecord record;
  REQUIRE(decode_exception(bytes, record));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode_exception(std::string_view(bytes).substr(0, size), record));
  CHECK_FALSE(decode_exception(bytes + "x", record));
  std::string unknown = bytes;
  unknown[0] = static_cast<char>(kLastStandardType + 1);
  CHECK_FALSE(decode_exception(unknown, record));
}

TEST_CASE("an account of an exception is bounded in the worker") {
  ExceptionRecord deep = sent(leaving([] { throw_nested(40); }));
  CHECK(deep.what == "40");
  REQUIRE(deep.causes.size() == kMostCauses);
  CHECK(deep.causes.back().what == "24");
  const std::string much(kMostExceptionText + 1, 'x');
  CHECK(sent(thrown(std::runtime_error(much))).what.size() == kMostExceptionText);
  CHECK(sent(thrown(much)).what.size() == kMostExceptionText);
  CHECK(sent(thrown(much.c_str())).what.size() == kMostExceptionText);
}

TEST_CASE("an account that is larger than any worker writes is refused") {
  ExceptionRecord record;
  std::string longer = encode_exception(thrown(std::string(kMostExceptionText, 'x')));
  REQUIRE(decode_exception(longer, record));
  const std::size_t text = longer.find("xxxx");
  longer.insert(text, "x");
  const auto size = static_cast<std::uint32_t>(kMostExceptionText + 1);
  std::memcpy(longer.data() + text - sizeof size, &size, sizeof size);
  CHECK_FALSE(decode_exception(longer, record));

  std::string more = encode_exception(leaving([] { throw_nested(kMostCauses + 1); }));
  REQUIRE(decode_exception(more, record));
  std::uint32_t causes = kMostCauses;
  const std::string count(reinterpret_cast<const char*>(&causes), sizeof causes);
  ++causes;
  const std::size_t at = more.find(count + std::string("\x12\0\0\0std::runtime_error", 22));
  REQUIRE(at != std::string::npos);
  std::memcpy(more.data() + at, &causes, sizeof causes);
  CHECK_FALSE(decode_exception(more + std::string(8, '\0'), record));
}

TEST_CASE("random bytes, and honest ones with some changed, are refused or stay within bounds") {
  const std::string honest = full_record();
  for (unsigned seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    check_decoding(bytes);
    bytes = honest;
    for (unsigned changes = 1 + random() % 4; changes != 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    check_decoding(bytes);
  }
}

TEST_CASE("every standard type can be rebuilt from whatever fields") {
  for (std::uint8_t type = 0; type <= kLastStandardType; ++type)
    for (const std::int32_t code : {0, 1, 12, 13, -1, 1 << 30}) {
      ExceptionRecord record{.base = static_cast<StandardType>(type), .type = "T", .what = "W", .code = code};
      caught_as<std::exception>(rebuild(record, kStory), [](const std::exception& any) {
        CHECK(story_of(any).remote_what() == "W");
        CHECK(std::string(any.what()).find('W') != std::string::npos);
      });
    }
}

TEST_CASE("a regex error with a code that does not exist is a runtime error") {
  const ExceptionRecord lie{.base = StandardType::RegexError, .type = "T", .what = "W", .code = 13};
  caught_as<std::runtime_error>(rebuild(lie, kStory), [](const std::runtime_error& exception) {
    CHECK(dynamic_cast<const std::regex_error*>(&exception) == nullptr);
  });
}

TEST_CASE("a worker without memory tells at least the standard type") {
  ExceptionRecord nothing = sent(nullptr);
  CHECK(nothing.base == StandardType::None);
  if (kSanitized) return;  // their allocators do not give up, they abort
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const std::exception_ptr beyond = thrown(std::out_of_range("beyond"));
  const pid_t child = ::fork();
  if (child == 0) {
    use_up_memory();
    const std::string bytes = encode_exception(beyond);
    (void)!::write(pipe_ends[1], bytes.data(), bytes.size());
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  char bytes[256];
  const ssize_t size = ::read(pipe_ends[0], bytes, sizeof bytes);
  ::close(pipe_ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(size == 1);
  ExceptionRecord record;
  REQUIRE(decode_exception({bytes, 1}, record));
  CHECK(record.type == "std::out_of_range");
  caught_as<std::out_of_range>(rebuild(record, kStory), [](const std::exception&) {});
}

TEST_CASE("for people an exception is one line: type and text") {
  const auto line = [](const auto& value) { return first_line(sent(thrown(value))); };
  CHECK(line(std::out_of_range("beyond\nthe\x1b[31m\x7f end\r\n")) ==
        "std::out_of_range: beyond the [31m  end");
  CHECK(line(std::bad_alloc()) == "std::bad_alloc");
  CHECK(line(5) == "int: 5");
  CHECK(line(std::runtime_error("")) == "std::runtime_error");
  CHECK(line(std::vector<int>{}) == "std::vector<int, std::allocator<int> > thrown");
}

}  // namespace drover::test
