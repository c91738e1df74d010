// A function worker over a real lane: what comes back from a typed function, and how.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/sanitized.hpp"
#include "tests/worker/function_fixture.hpp"

namespace drover::test {
namespace {

int twice(int number) {
  return 2 * number;
}
int talks(int number) {
  std::printf("about %d\n", number);
  std::fprintf(stderr, "loudly\n");
  return number;
}
void chain() {
  try {
    try {
      throw std::out_of_range("the root");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("the middle"));
    }
  } catch (...) {
    std::throw_with_nested(std::logic_error("the top"));
  }
}
int complains() {
  std::printf("before\n");
  throw std::invalid_argument("on purpose");
}
std::string large(std::uint64_t size) {
  return std::string(size, 'x');
}
// Where a result may not be as large as that.
std::string too_large(bool talk) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1 << 20, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &small) != 0) throw std::runtime_error("setrlimit");
  if (talk) std::printf("talk\n");
  return large(2 << 20);
}
std::string who(Context& context) {
  return std::string(context.name()) + "/" + std::to_string(context.task()) + "/" +
         std::to_string(context.attempt());
}
std::uint64_t seed_of(Context& context) {
  return context.seed();
}

struct Counter {
  explicit Counter(int from) : count(from) {
    if (from < 0) throw std::invalid_argument("below zero");
  }
  int count;
};
int counted(int from, Context& context) {
  return ++context.worker_local<Counter>(from).count;
}
long counted_long(long from, Context& context) {
  return ++context.worker_local<Counter>(static_cast<int>(from)).count;
}

std::uint64_t allocate(std::uint64_t size) {
  std::vector<char> room(size, 'x');
  return room.size();
}

void double_all(std::span<int> numbers) {
  for (int& each : numbers) each *= 2;
}

std::string call_named(std::string_view name) {
  std::string bytes(1, static_cast<char>(kTaskNameFollows));
  detail::SmallBuffer encoded;
  Encoder(encoded).value(std::string(name));
  return bytes.append(encoded.view());
}

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

}  // namespace

TEST_CASE("a function that prints nothing hands in its value and nothing else") {
  WorkerChild worker;
  const Answer answer = worker.call<&twice>(21);
  CHECK(answer.kind == OutcomeKind::Succeeded);
  CHECK(answer.flags == 0);
  CHECK(answer.as<int>() == 42);
}

TEST_CASE("what a function printed and what it returned both arrive, and apart") {
  WorkerChild worker;
  const Answer answer = worker.call<&talks>(5);
  CHECK(answer.kind == OutcomeKind::Succeeded);
  CHECK_FALSE(answer.plain);
  CHECK(answer.as<int>() == 5);
  CHECK(answer.report.out.head == "about 5\n");
  CHECK(answer.report.err.head == "loudly\n");
  CHECK(worker.call<&twice>(1).plain);
}

TEST_CASE("what a function threw arrives with all its causes, and the worker goes on") {
  WorkerChild worker;
  const Answer answer = worker.call<&chain>();
  CHECK(answer.kind == OutcomeKind::Failed);
  CHECK(answer.report.outcome.message == "std::logic_error: the top");
  const ExceptionRecord record = answer.exception();
  CHECK(record.base == StandardType::LogicError);
  CHECK(record.what == "the top");
  REQUIRE(record.causes.size() == 2);
  CHECK(record.causes[0].what == "the middle");
  CHECK(record.causes[1].what == "the root");

  const Answer second = worker.call<&complains>();
  CHECK(second.report.outcome.message == "std::invalid_argument: on purpose");
  CHECK(second.report.out.head == "before\n");
  CHECK(worker.call<&twice>(21).as<int>() == 42);
}

TEST_CASE("bytes that are no arguments fail their task, and the worker goes on") {
  WorkerChild worker;
  const std::uint32_t function = number_of<&twice>();
  const std::string too_short("\0\1\0", 3), other_version("\x80\1\0\0\0", 5), too_long(9, '\0');
  const std::string endless_name("\1\xff\xff\xff\xff\xff\x7f", 7);
  TaskId task = 1;
  for (const std::string& bytes : {std::string(), too_short, other_version, too_long, endless_name}) {
    worker.push(task++, function, bytes);
    const Answer answer = worker.answer();
    CHECK(answer.kind == OutcomeKind::Failed);
    CHECK(answer.exception().type == "drover::DecodeError");
  }
  worker.push(task++, 0xFFFF, std::string("\0", 1));
  CHECK(worker.answer().kind == OutcomeKind::Failed);
  worker.push(task++, function, std::string("\0\5\0\0\0", 5));
  CHECK(worker.answer().as<int>() == 10);
}

TEST_CASE("a result too large for the lane comes by descriptor, and nothing else with it") {
  WorkerChild worker;
  const Answer answer = worker.call<&large>(3 * kMiB);
  CHECK(answer.kind == OutcomeKind::Succeeded);
  CHECK(answer.flags == kResultByDescriptor);
  CHECK(answer.as<std::string>() == std::string(3 * kMiB, 'x'));
  CHECK(worker.call<&large>(1U).as<std::string>() == "x");
}

TEST_CASE("a result that cannot be handed in fails its task, and says why") {
  WorkerChild worker;
  for (const bool talk : {false, true}) {
    const Answer answer = worker.call<&too_large>(talk);
    CHECK(answer.kind == OutcomeKind::Failed);
    CHECK(answer.value.empty());
    CHECK(answer.report.outcome.message ==
          "its result was lost: write shared memory drover-result: File too large");
  }
  CHECK(worker.call<&twice>(21).as<int>() == 42);
}

TEST_CASE("what a function writes into shared memory is seen where that was made") {
  SharedArray<int> numbers(1000);
  numbers[0] = 20;
  numbers[999] = 21;
  WorkerChild worker;
  CHECK(worker.call<&double_all>(numbers).kind == OutcomeKind::Succeeded);
  CHECK(numbers[0] == 40);
  CHECK(numbers[999] == 42);
}

TEST_CASE("a context knows its task, its attempt and its name") {
  WorkerChild worker;
  worker.push(12, number_of<&who>(), call_named("shot 12"), 3);
  CHECK(worker.answer().as<std::string>() == "shot 12/12/3");
  worker.push(13, number_of<&who>(), std::string("\0", 1));
  CHECK(worker.answer().as<std::string>() == "/13/1");
}

TEST_CASE("a task's seed is the same on a retry and in any worker, and another for other tasks or seeds") {
  const auto ask = [](WorkerChild& worker, TaskId task, Attempt attempt) {
    worker.push(task, number_of<&seed_of>(), std::string("\0", 1), attempt);
    return worker.answer().as<std::uint64_t>();
  };
  WorkerChild worker({"--seed", "5"}), same({"--seed", "5"}), another({"--seed", "6"});
  const std::uint64_t first = ask(worker, 1, 1);
  CHECK(ask(worker, 2, 1) != first);
  CHECK(ask(same, 1, 2) == first);
  CHECK(ask(another, 1, 1) != first);
}

TEST_CASE("a worker's own object is made once, also by different functions, and again after it failed") {
  WorkerChild worker;
  CHECK(worker.call<&counted>(-1).kind == OutcomeKind::Failed);
  CHECK(worker.call<&counted>(10).as<int>() == 11);
  CHECK(worker.call<&counted_long>(-5L).as<long>() == 12);
  CHECK(worker.call<&counted>(100).as<int>() == 13);
  WorkerChild other;
  CHECK(other.call<&counted>(100).as<int>() == 101);
}

TEST_CASE("what a memory limit refuses is out of memory, and the worker goes on" *
          doctest::skip(kSanitized)) {
  const std::string limit = std::to_string(200 * kMiB);
  WorkerChild worker({"--memory-limit", limit});
  CHECK(worker.call<&allocate>(50 * kMiB).as<std::uint64_t>() == 50 * kMiB);
  const Answer answer = worker.call<&allocate>(400 * kMiB);
  CHECK(answer.kind == OutcomeKind::OutOfMemory);
  CHECK(answer.report.outcome.message.find(limit) != std::string::npos);
  CHECK(answer.exception().base == StandardType::BadAlloc);
  CHECK(worker.call<&twice>(21).as<int>() == 42);
}

TEST_CASE("without a limit a refused allocation is an exception like others" * doctest::skip(kSanitized)) {
  WorkerChild worker;
  const Answer answer = worker.call<&allocate>(std::uint64_t{1} << 50);
  CHECK(answer.kind == OutcomeKind::Failed);
  CHECK(answer.exception().base == StandardType::BadAlloc);
}

namespace {

// Of a worker that ends with 3.
std::string last_words(std::vector<std::string_view> options) {
  WorkerChild worker(std::move(options));
  const int status = worker.wait_for_end();
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 3));
  return worker.printed_to_stderr();
}

}  // namespace

TEST_CASE("a memory limit below what a worker takes without a task is refused" * doctest::skip(kSanitized)) {
  CHECK(last_words({"--memory-limit", "1000"}).find("leaves nothing for tasks") != std::string::npos);
}

TEST_CASE("a worker that cannot do what its words say ends with 3 and says why") {
  CHECK(last_words({"--memory-limit", "lots"}).find("--memory-limit takes a number, not lots") !=
        std::string::npos);
  CHECK(last_words({"--memory-limit", "0"}).find("--memory-limit takes a number, not 0") !=
        std::string::npos);
  CHECK(last_words({"--seed"}).find("unexpected argument --seed") != std::string::npos);
  CHECK(last_words({"--plugin", "./nowhere.so"}).find("cannot load the plugin") != std::string::npos);
}

}  // namespace drover::test
