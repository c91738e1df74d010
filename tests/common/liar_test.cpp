// A worker that writes what it likes into its own memory: the coordinator's end must neither crash, nor read
// or write outside the lane, nor take an outcome for a task that it has not handed out.
#include <cstring>
#include <random>
#include <set>

#include "tests/common/lane_fixture.hpp"

namespace drover::test {
namespace {

struct Liar {
  explicit Liar(LanePair& lane)
      : segment(std::move(Segment::adopt(duplicate(lane.coordinator.up_fd()), Access::ReadWrite, 1).value())),
        header(reinterpret_cast<UpHeader*>(segment.data())),
        outcomes(reinterpret_cast<OutcomeRecord*>(segment.data() + kFunctionLane.outcomes_offset())) {}
  void publish(OutcomeRecord record) {
    const std::uint64_t at = header->outcomes_published.load();
    const std::string zeros(record.result_size < 100 ? record.result_size : 0, '\0');
    if (zeros.size() == record.result_size) record.checksum = outcome_checksum(record, zeros.data());
    outcomes[at % kFunctionLane.outcomes] = record;
    header->outcomes_published.store(at + 1);
  }

  Segment segment;
  UpHeader* header;
  OutcomeRecord* outcomes;
};

}  // namespace

TEST_CASE("an outcome of a task that was not handed out is a lie") {
  LanePair lane;
  lane.push(5);
  Liar liar(lane);
  Told told;
  SUBCASE("another task") {
    liar.publish({.task = 6, .attempt = 1});
  }
  SUBCASE("another attempt") {
    liar.publish({.task = 5, .attempt = 2});
  }
  SUBCASE("an outcome that does not exist") {
    liar.publish({.task = 5, .attempt = 1, .kind = 99});
  }
  SUBCASE("a result outside the arena") {
    liar.publish({.task = 5,
                  .attempt = 1,
                  .kind = 1,
                  .result_offset = kFunctionLane.results_size - 1,
                  .result_size = 2});
  }
  SUBCASE("a result whose end wraps around") {
    liar.publish({.task = 5, .attempt = 1, .kind = 1, .result_offset = 0xFFFFFFFF, .result_size = 2});
  }
  SUBCASE("more outcomes than the ring holds") {
    liar.header->outcomes_published.store(1U << 30);
  }
  SUBCASE("fewer outcomes than before") {
    liar.header->outcomes_published.store(~std::uint64_t{0});
  }
  CHECK_FALSE(lane.coordinator.drain(told));
  CHECK(told.lines.empty());
}

TEST_CASE("the same outcome twice is a lie") {
  LanePair lane;
  lane.push(5);
  Liar liar(lane);
  liar.publish({.task = 5, .attempt = 1});
  liar.publish({.task = 5, .attempt = 1});
  Told told;
  CHECK_FALSE(lane.coordinator.drain(told));
  CHECK(told.lines == Lines{"5+1@1 ok"});
}

TEST_CASE("an outcome or a result that was written over after it was published is a lie") {
  LanePair lane;
  lane.push(1, 2);
  const TakenTask first = lane.take();
  lane.succeed(first, "the result");
  Liar liar(lane);
  SUBCASE("the record") {
    liar.outcomes[0].wall_seconds = 7;
  }
  SUBCASE("the first byte of the result") {
    *reinterpret_cast<char*>(liar.segment.data() + kFunctionLane.results_offset()) ^= 1;
  }
  SUBCASE("the last byte of the result") {
    *reinterpret_cast<char*>(liar.segment.data() + kFunctionLane.results_offset() + 9) ^= 64;
  }
  Told told;
  CHECK_FALSE(lane.coordinator.drain(told));
  CHECK(told.lines.empty());
}

TEST_CASE("the only task of a lane that lied is charged") {
  LanePair lane;
  lane.push(4);
  Liar liar(lane);
  liar.header->claim.store(Claim{.ticket = 900, .next = 1, .end = 1, .queued = 0}.pack());
  const auto remains = lane.coordinator.remains();
  CHECK_FALSE(remains.honest);
  REQUIRE(remains.in_hand);
  CHECK(remains.in_hand->task == 4);
  CHECK(remains.not_begun.empty());
}

TEST_CASE("a claim word that contradicts what was published is a lie") {
  LanePair lane;
  lane.push(1, 4);
  lane.push(5);
  Liar liar(lane);
  Claim claim;
  SUBCASE("an entry that does not exist") {
    claim = {.ticket = 900, .next = 1, .end = Claim::kWholeRun, .queued = 0};
  }
  SUBCASE("more entries than were published") {
    claim = {.ticket = 0, .next = 0, .end = 0, .queued = 7};
  }
  SUBCASE("more begun than the entry holds") {
    claim = {.ticket = 1, .next = 9, .end = Claim::kWholeRun, .queued = 1};
  }
  liar.header->claim.store(claim.pack());
  if (claim.next == 9)
    liar.header->claim.store(Claim{.ticket = 2, .next = 9, .end = Claim::kWholeRun, .queued = 0}.pack());
  CHECK_FALSE(lane.coordinator.recall(3).has_value());
  const auto remains = lane.coordinator.remains();
  CHECK_FALSE(remains.honest);
  CHECK_FALSE(remains.in_hand);  // nobody knows which: none is charged
  CHECK(remains.not_begun == std::vector<LaneRun>{{1, 4, 1}, {5, 1, 1}});
}

TEST_CASE(
    "random bytes all over the lane, many seeds: no task is told twice and none that was not handed out") {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    LanePair lane;
    Liar liar(lane);
    lane.push(1, 1 + random() % 20);
    lane.push(100, 3);
    TakenTask taken;
    for (unsigned i = random() % 5; i > 0 && lane.worker.try_take(taken); --i)
      lane.succeed(taken, "some result");
    // Single words, as a stray write does, or everything, as a memset does.
    auto* bytes = reinterpret_cast<unsigned char*>(liar.segment.data());
    const std::size_t area =
        random() % 3 == 0 ? liar.segment.size() : sizeof(UpHeader) + 64 * sizeof(OutcomeRecord);
    for (unsigned writes = random() % 2 == 0 ? 1 + random() % 8 : 4096; writes > 0; --writes) {
      const std::size_t at = random() % area;
      bytes[at] = static_cast<unsigned char>(random());
    }
    struct Checker final : CoordinatorLane::Sink {
      std::set<TaskId> told;
      bool wrong = false;
      void on_succeeded(TaskId first, std::uint32_t count, Attempt, std::uint64_t) override {
        for (TaskId id = first; id < first + count; ++id)
          wrong = wrong || !told.insert(id).second || id == 0 || id > 102;
      }
      void on_outcome(const LaneOutcome& outcome) override { on_succeeded(outcome.task, 1, 1, 0); }
    } checker;
    bool honest = true;
    for (int turn = 0; turn < 4 && honest; ++turn) {
      honest = lane.coordinator.drain(checker);
      (void)lane.coordinator.progress();
      (void)lane.coordinator.in_hand();
      if (auto back = lane.coordinator.recall(2)) {
        for (const LaneRun& run : *back)
          for (TaskId id = run.first; id < run.first + run.count; ++id) CHECK(checker.told.insert(id).second);
      } else {
        honest = false;
      }
    }
    const auto remains = lane.coordinator.remains();
    if (remains.in_hand) CHECK(checker.told.insert(remains.in_hand->task).second);
    for (const LaneRun& run : remains.not_begun)
      for (TaskId id = run.first; id < run.first + run.count; ++id) CHECK(checker.told.insert(id).second);
    CHECK_FALSE(checker.wrong);
  }
}

}  // namespace drover::test
