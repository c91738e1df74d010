// How a running function hears that it is asked to stop.
#include <doctest/doctest.h>
#include <sys/syscall.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <latch>
#include <mutex>
#include <stop_token>
#include <thread>

#include "tests/common/lane_fixture.hpp"
#include "tests/sanitized.hpp"
#include "tests/worker/function_fixture.hpp"
#include "worker/stop_watch.hpp"

namespace drover::test {
namespace {

// Returns only when its token is told; it never looks.
std::string waits(Context& context) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, context.stop_token(), [] { return false; });
  return context.stop_requested() ? "asked" : "not asked";
}
std::string waits_in_a_thread(Context& context) {
  std::string seen;
  std::jthread([&] { seen = waits(context); }).join();
  return seen;
}
bool asked_already(Context& context) {
  return context.stop_token().stop_requested();
}
std::stop_token kept_token;
void keeps_token(Context& context) {
  kept_token = context.stop_token();
}
bool kept_was_told() {
  return kept_token.stop_requested();
}
int no_token() {
  return 1;
}

Hand hand_once_it_listens(CoordinatorLane& lane) {
  for (;;) {
    if (const auto in_hand = lane.in_hand(); in_hand && lane.listens(in_hand->hand)) return in_hand->hand;
    std::this_thread::yield();
  }
}

std::vector<std::string> threads_of(pid_t pid) {
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    names.push_back(each.path().filename());
  return names;
}

// The thread that waits for stops, by what the kernel shows of it in /proc.
class Sleeper {
 public:
  explicit Sleeper(pid_t worker) {
    std::vector<std::string> threads = threads_of(worker);
    REQUIRE(threads.size() == 2);
    std::erase(threads, std::to_string(worker));
    folder_ = "/proc/" + std::to_string(worker) + "/task/" + threads[0];
  }
  // It sleeps in futex_wait for the stop after this one; true: it set itself no time.
  bool sleeps_after(unsigned stops) {
    // The call's number, then its arguments: word, operation, value, timeout.
    std::string call, word, operation, value, timeout;
    while (call != std::to_string(SYS_futex) || operation != "0x0" || std::stoul(value, nullptr, 16) != stops)
      std::ifstream(folder_ + "/syscall") >> call >> word >> operation >> value >> timeout;
    return timeout == "0x0";
  }
  [[nodiscard]] unsigned long long blocked_signals() const {
    std::ifstream status(folder_ + "/status");
    std::string word;
    while (status >> word && word != "SigBlk:") {
    }
    status >> word;
    return std::stoull(word, nullptr, 16);
  }

 private:
  std::string folder_;
};
// Sanitizers have threads of their own, and not every kernel shows what a thread waits for.
bool sleepers_hidden() {
  return kSanitized || !std::ifstream("/proc/thread-self/syscall").good();
}

// The token of an attempt, and a wait for its being told.
struct Listener {
  std::latch done{1};
  std::stop_callback<std::function<void()>> callback;
  explicit Listener(
      std::stop_token token, std::function<void()> also = [] {})
      : callback(std::move(token), [this, also] {
          also();
          done.count_down();
        }) {}
};

}  // namespace

TEST_CASE("a function that waits for its token is woken by a stop") {
  WorkerChild worker;
  for (TaskId task = 1; task <= 3; ++task) {
    worker.push_call<&waits>(task);
    worker.lane().want_stop(hand_once_it_listens(worker.lane()));
    CHECK(worker.answer().as<std::string>() == "asked");
  }
  worker.push_call<&waits_in_a_thread>(4);
  worker.lane().want_stop(hand_once_it_listens(worker.lane()));
  CHECK(worker.answer().as<std::string>() == "asked");
}

TEST_CASE("a stop of one task does not reach the next one's token") {
  WorkerChild worker;
  worker.push_call<&waits>(1);
  worker.lane().want_stop(hand_once_it_listens(worker.lane()));
  CHECK(worker.answer().as<std::string>() == "asked");
  worker.push_call<&asked_already>(2);
  CHECK_FALSE(worker.answer().as<bool>());
}

TEST_CASE("a token that outlives its attempt is not told of a stop that came too late" *
          doctest::skip(sleepers_hidden())) {
  WorkerChild worker;
  worker.push_call<&keeps_token>(1);
  CHECK(worker.answer().kind == OutcomeKind::Succeeded);
  worker.lane().want_stop(Hand{.ticket = 1, .item = 0});
  Sleeper(worker.pid()).sleeps_after(1);
  worker.push_call<&kept_was_told>(2);
  CHECK_FALSE(worker.answer().as<bool>());
}

TEST_CASE("the thread for stops comes with the first token, sleeps without a timeout, and is no signal's" *
          doctest::skip(sleepers_hidden())) {
  WorkerChild worker;
  worker.push_call<&no_token>(1);
  CHECK(worker.answer().as<int>() == 1);
  CHECK(threads_of(worker.pid()).size() == 1);
  worker.push_call<&asked_already>(2);
  CHECK_FALSE(worker.answer().as<bool>());
  Sleeper sleeper(worker.pid());
  CHECK(sleeper.sleeps_after(0));
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGALRM})
    CHECK((sleeper.blocked_signals() >> (signal - 1) & 1) == 1);
}

TEST_CASE("a token that is asked for after the stop is told at once") {
  LanePair pair;
  StopWatch watch(pair.worker.down());
  pair.push(1);
  const Hand hand = pair.take().hand;
  pair.coordinator.want_stop(hand);
  CHECK(watch.token(hand).stop_requested());
}

TEST_CASE("a stop tells callbacks on a thread of its own, where they may ask for the token again") {
  LanePair pair;
  StopWatch watch(pair.worker.down());
  pair.push(1);
  const Hand hand = pair.take().hand;
  std::thread::id on;
  bool told_there = false;
  Listener told(watch.token(hand), [&] {
    on = std::this_thread::get_id();
    told_there = watch.token(hand).stop_requested();
  });
  pair.coordinator.want_stop(hand);
  told.done.wait();
  CHECK(on != std::this_thread::get_id());
  CHECK(told_there);
}

TEST_CASE("every attempt has a stop state of its own, and what is over is not told") {
  LanePair pair;
  StopWatch watch(pair.worker.down());
  pair.push(1);
  pair.push(2);
  const TakenTask first = pair.take();
  const std::stop_token kept = watch.token(first.hand);
  CHECK(kept == watch.token(first.hand));
  watch.forget();
  pair.succeed(first);
  const Hand second = pair.take().hand;
  Listener told(watch.token(second));
  CHECK_FALSE(watch.token(second) == kept);
  pair.coordinator.want_stop(first.hand);
  CHECK_FALSE(watch.token(second).stop_requested());
  pair.coordinator.want_stop(second);
  told.done.wait();
  CHECK_FALSE(kept.stop_requested());
  watch.forget();
  CHECK(watch.token(second).stop_requested());  // a state of its own again
}

TEST_CASE("what was forgotten is not told, not even of a stop that was meant for it") {
  LanePair pair;
  StopWatch watch(pair.worker.down());
  pair.push(1);
  const Hand hand = pair.take().hand;
  const std::stop_token kept = watch.token(hand);
  watch.forget();
  pair.coordinator.want_stop(hand);
  CHECK(watch.token(hand).stop_requested());
  CHECK_FALSE(kept.stop_requested());
}

TEST_CASE("no stop is lost, however close it follows the one before") {
  LanePair pair;
  StopWatch watch(pair.worker.down());
  for (TaskId task = 1; task <= 2000; ++task) {
    pair.push(task);
    const TakenTask taken = pair.take();
    {
      Listener told(watch.token(taken.hand));
      pair.coordinator.want_stop(taken.hand);
      told.done.wait();
    }
    watch.forget();
    pair.succeed(taken);
    Told ignored;
    REQUIRE(pair.coordinator.drain(ignored));
  }
}

}  // namespace drover::test
