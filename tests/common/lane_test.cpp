#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/common/lane_fixture.hpp"

namespace drover::test {

TEST_CASE("a task goes down the lane and its outcome comes up") {
  LanePair lane;
  const std::string_view args[] = {"seven", ""};
  REQUIRE(lane.coordinator.try_push({41, 2, 3}, 9, 5, 0, args, 2) == CoordinatorLane::Push::Done);
  CHECK(lane.nothing_to_take());  // written, not published
  lane.coordinator.publish();
  TakenTask taken = lane.take();
  CHECK(taken.task == 41);
  CHECK(taken.attempt == 3);
  CHECK(taken.function == 9);
  CHECK(taken.slot == 5);
  CHECK(taken.args == "seven");
  lane.succeed(taken, "result");
  taken = lane.take();
  CHECK(taken.task == 42);
  CHECK(taken.args.empty());
  lane.worker.publish(taken, OutcomeKind::Failed, 0, 5, "why");
  CHECK(lane.coordinator.outstanding() == 2);
  Told told;
  CHECK(lane.coordinator.drain(told));
  CHECK(told.lines == Lines{"41@3 0 'result'", "42@3 1 'why'"});
  CHECK(lane.coordinator.outstanding() == 0);
}

TEST_CASE("successes without a result are told as one run") {
  LanePair lane;
  lane.push(1, 10);
  lane.push(11, 2);
  lane.push(20);
  for (int i = 0; i < 13; ++i) lane.succeed(lane.take());
  Told told;
  CHECK(lane.coordinator.drain(told));
  CHECK(told.lines == Lines{"1+12@1 ok", "20+1@1 ok"});
}

TEST_CASE("a lane refuses what does not fit now, and what never will") {
  LanePair lane(kCommandLane);
  const std::string large(lane.coordinator.most_args() + 1, 'x');
  const std::string_view too_large[] = {large};
  CHECK(lane.coordinator.try_push({1, 1, 1}, 0, 1, 0, too_large, 1) == CoordinatorLane::Push::TooLarge);
  const std::string third(kCommandLane.args_size / 3, 'y');
  const std::string_view fits[] = {third};
  unsigned pushed = 0;
  while (lane.coordinator.try_push({1 + pushed, 1, 1}, 0, 1, 0, fits, 1) == CoordinatorLane::Push::Done)
    ++pushed;
  CHECK(pushed >= 2);
  lane.coordinator.publish();
  const TakenTask taken = lane.take();
  CHECK(taken.args == third);
  lane.succeed(taken);
  Told told;
  CHECK(lane.coordinator.drain(told));
  CHECK(lane.coordinator.try_push({9, 1, 1}, 0, 1, 0, fits, 1) == CoordinatorLane::Push::Done);
}

TEST_CASE("arguments and results survive many laps of their arenas") {
  LanePair lane(kCommandLane);
  Told told;
  for (TaskId id = 1; id <= 2000; ++id) {
    const std::string text(id * 37 % 5000, static_cast<char>('a' + id % 26));
    const std::string_view args[] = {text};
    REQUIRE(lane.coordinator.try_push({id, 1, 1}, 0, 1, 0, args, 1) == CoordinatorLane::Push::Done);
    lane.coordinator.publish();
    const TakenTask taken = lane.take();
    REQUIRE(taken.args == text);
    struct Same final : CoordinatorLane::Sink {
      std::string want;
      bool same = false;
      void on_succeeded(TaskId, std::uint32_t, Attempt, std::uint64_t) override { same = want.empty(); }
      void on_outcome(const LaneOutcome& outcome) override { same = outcome.result == want; }
    } sink;
    sink.want = text;
    lane.succeed(taken, text);
    REQUIRE(lane.coordinator.drain(sink));
    REQUIRE(sink.same);
  }
}

TEST_CASE("the cell of a finished entry is not reused while the worker still looks at it") {
  LanePair lane(kCommandLane);  // 16 cells
  lane.push(1);
  lane.succeed(lane.take());
  Told told;
  REQUIRE(lane.coordinator.drain(told));
  std::uint32_t more = 0;
  while (lane.coordinator.try_push({2 + more * 5, 5, 1}, 0, 1, 0, nullptr, 0) == CoordinatorLane::Push::Done)
    ++more;
  CHECK(more == kCommandLane.cells - 1);
  lane.coordinator.publish();
  CHECK(lane.take().task == 2);  // and not a second task of the entry that held one
}

TEST_CASE("the bell is rung once for each sleep of the coordinator, and never when it is awake") {
  LanePair lane;
  lane.push(1, 3);
  lane.succeed(lane.take());
  CHECK_FALSE(lane.rung());
  lane.coordinator.declare_sleep();
  CHECK(lane.coordinator.outcomes_waiting());  // the look after the declaration finds what came before it
  lane.succeed(lane.take());
  CHECK(lane.rung());
  std::uint64_t rings = 0;
  REQUIRE(::read(lane.bell.get(), &rings, sizeof rings) == sizeof rings);
  lane.succeed(lane.take());
  CHECK_FALSE(lane.rung());
  lane.coordinator.declare_awake();
  lane.coordinator.declare_sleep();
  lane.worker.ring();
  CHECK(lane.rung());
}

TEST_CASE("recall takes back what was not begun, the latest first, and leaves the rest") {
  LanePair lane;
  lane.push(1, 10);
  lane.push(11, 4);
  lane.push(15);
  const TakenTask in_hand = lane.take();
  auto back = lane.coordinator.recall(5);
  REQUIRE(back);
  CHECK(*back == std::vector<LaneRun>{{11, 4, 1}, {15, 1, 1}});
  back = lane.coordinator.recall(4);
  REQUIRE(back);
  CHECK(*back == std::vector<LaneRun>{{7, 4, 1}});
  CHECK(lane.coordinator.outstanding() == 6);
  lane.succeed(in_hand);
  for (TaskId id = 2; id <= 6; ++id) {
    const TakenTask taken = lane.take();
    CHECK(taken.task == id);
    lane.succeed(taken);
  }
  CHECK(lane.nothing_to_take());
  Told told;
  CHECK(lane.coordinator.drain(told));
  CHECK(told.lines == Lines{"1+6@1 ok"});
  // The places that were taken back are used again.
  lane.push(7, 4);
  CHECK(lane.take().task == 7);
}

TEST_CASE("recall leaves the task in hand alone") {
  LanePair lane;
  lane.push(1);
  (void)lane.take();
  const auto back = lane.coordinator.recall(100);
  REQUIRE(back);
  CHECK(back->empty());
  CHECK(lane.coordinator.outstanding() == 1);
}

TEST_CASE("a worker that is condemned begins nothing more, and goes on when pardoned") {
  LanePair lane;
  lane.push(1, 2);
  const TakenTask first = lane.take();
  const auto in_hand = lane.coordinator.in_hand();
  REQUIRE(in_hand);
  CHECK(in_hand->task == 1);
  REQUIRE(lane.coordinator.condemn(in_hand->hand));
  lane.succeed(first);
  CHECK(lane.nothing_to_take());
  Told told;
  CHECK(lane.coordinator.drain(told));
  CHECK_FALSE(lane.coordinator.in_hand());
  lane.coordinator.pardon();
  CHECK(lane.take().task == 2);
}

TEST_CASE("a worker that has moved on is not condemned for what it had before") {
  LanePair lane;
  lane.push(1, 2);
  const TakenTask first = lane.take();
  const auto in_hand = lane.coordinator.in_hand();
  REQUIRE(in_hand);
  lane.succeed(first);
  const TakenTask second = lane.take();
  CHECK_FALSE(lane.coordinator.condemn(in_hand->hand));
  CHECK(second.task == 2);
  lane.push(3);
  lane.succeed(second);
  CHECK(lane.take().task == 3);
}

TEST_CASE("after a death: published outcomes count, one task was in hand, the rest was not begun") {
  LanePair lane;
  lane.push(1, 5);
  lane.push(6, 2);
  lane.succeed(lane.take());
  (void)lane.take();
  Told told;
  CHECK(lane.coordinator.drain(told));
  const auto remains = lane.coordinator.remains();
  REQUIRE(remains.in_hand);
  CHECK(remains.in_hand->task == 2);
  CHECK(remains.not_begun == std::vector<LaneRun>{{3, 3, 1}, {6, 2, 1}});
}

TEST_CASE("after a death between two tasks nothing was in hand") {
  LanePair lane;
  lane.push(1, 2);
  lane.succeed(lane.take());
  Told told;
  CHECK(lane.coordinator.drain(told));
  const auto remains = lane.coordinator.remains();
  CHECK_FALSE(remains.in_hand);
  CHECK(remains.not_begun == std::vector<LaneRun>{{2, 1, 1}});
}

TEST_CASE("progress is read as it was written last, with its text cut") {
  LanePair lane;
  lane.push(1);
  const TakenTask taken = lane.take();
  CHECK_FALSE(lane.coordinator.progress());
  lane.worker.report_progress(taken.hand, 12, 300, std::string(100, 'u'));
  const auto progress = lane.coordinator.progress();
  REQUIRE(progress);
  CHECK(progress->hand == taken.hand);
  CHECK(progress->done == 12);
  CHECK(progress->total == 300);
  CHECK(progress->text == std::string(kBoardText, 'u'));
}

TEST_CASE("the end of stderr survives, and belongs to one attempt only") {
  LanePair lane;
  lane.push(1, 2);
  const TakenTask first = lane.take();
  lane.worker.keep_stderr(first.hand, std::string(3000, 'a') + "the end");
  const std::string tail = lane.coordinator.stderr_tail(first.hand);
  CHECK(tail.size() == kStderrTail);
  CHECK(tail.ends_with("aathe end"));
  lane.succeed(first);
  const TakenTask second = lane.take();
  CHECK(lane.coordinator.stderr_tail(second.hand).empty());
  lane.worker.keep_stderr(second.hand, "other");
  CHECK(lane.coordinator.stderr_tail(second.hand) == "other");
}

TEST_CASE("no hand is packed as 0, which stands for nobody, also when the tickets wrap") {
  CHECK(Hand{0, 0}.pack() != 0);
  CHECK(Hand{0, 1}.pack() != Hand{1, 0}.pack());
  LanePair lane;
  CHECK_FALSE(lane.worker.stop_wanted({0, 0}));
}

TEST_CASE("a stop is forgotten with the attempt that it was meant for") {
  LanePair lane;
  lane.push(1, 2);
  const TakenTask first = lane.take();
  lane.coordinator.want_stop(first.hand);
  CHECK(lane.worker.stop_wanted(first.hand));
  lane.succeed(first);
  Told sink;
  CHECK(lane.coordinator.drain(sink));
  CHECK_FALSE(lane.worker.stop_wanted(first.hand));
}

TEST_CASE("a worker cannot write what the coordinator alone writes") {
  LanePair lane;
  CHECK_FALSE(Segment::adopt(duplicate(lane.coordinator.down_fd()), Access::ReadWrite, 64).ok());
  CHECK(::ftruncate(lane.coordinator.up_fd(), 0) != 0);
  const char byte = 1;
  CHECK(::pwrite(lane.coordinator.down_fd(), &byte, 1, 0) < 0);
}

TEST_CASE("both ends at full speed: every task once, in order, with recalls in between") {
  LanePair lane;
  constexpr TaskId kTasks = 200'000;
  std::atomic<bool> over{false};
  std::vector<std::uint8_t> ran(kTasks + 1);
  std::thread worker([&] {
    TakenTask taken;
    while (!over.load(std::memory_order_relaxed)) {
      while (lane.worker.try_take(taken)) {
        ++ran[taken.task];
        lane.worker.publish(taken, OutcomeKind::Succeeded, 0, 1, taken.task % 7 == 0 ? "x" : "");
      }
      if (!over.load(std::memory_order_seq_cst)) lane.worker.wait_for_work();
    }
  });
  struct Counter final : CoordinatorLane::Sink {
    TaskId succeeded = 0;
    void on_succeeded(TaskId, std::uint32_t count, Attempt, std::uint64_t) override { succeeded += count; }
    void on_outcome(const LaneOutcome&) override { ++succeeded; }
  } counter;
  std::vector<LaneRun> waiting{{1, kTasks, 1}};
  unsigned turn = 0;
  while (counter.succeeded < kTasks) {
    while (!waiting.empty()) {
      LaneRun& run = waiting.back();
      const std::uint32_t part = std::min(run.count, ++turn % 9 + 1);
      if (lane.coordinator.try_push({run.first, part, 1}, 0, 1, 0, nullptr, 0) != CoordinatorLane::Push::Done)
        break;
      run.first += part;
      run.count -= part;
      if (run.count == 0) waiting.pop_back();
    }
    lane.coordinator.publish();
    if (turn % 5 == 0) {
      auto back = lane.coordinator.recall(turn % 50 + 1);
      REQUIRE(back);
      waiting.insert(waiting.end(), back->begin(), back->end());
    }
    REQUIRE(lane.coordinator.drain(counter));
  }
  over.store(true);
  lane.coordinator.message_sent();  // wakes it if it sleeps
  worker.join();
  CHECK(std::all_of(ran.begin() + 1, ran.end(), [](std::uint8_t times) { return times == 1; }));
}

}  // namespace drover::test
