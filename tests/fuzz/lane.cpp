// A worker that writes what it likes, when it likes: the input says which bytes of its own memory it changes
// between the coordinator's steps. No task may be told twice, and none that was not handed out.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>

#include "common/coordinator_lane.hpp"
#include "common/worker_lane.hpp"

using namespace drover;

namespace {

constexpr LaneShape kSmall{.cells = 16, .args_size = 1024, .outcomes = 16, .results_size = 1024};

struct Ledger final : CoordinatorLane::Sink {
  std::set<TaskId> out;
  void back(TaskId task) {
    if (out.erase(task) != 1) std::abort();
  }
  void on_succeeded(TaskId first, std::uint32_t count, Attempt, std::uint64_t) override {
    for (TaskId task = first; task < first + count; ++task) back(task);
  }
  void on_outcome(const LaneOutcome& outcome) override { back(outcome.task); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto made = CoordinatorLane::create(1, TaskKind::Function, kSmall);
  if (!made) return 0;
  CoordinatorLane& lane = *made;
  auto up = Segment::adopt(UniqueFd(::dup(lane.up_fd())), Access::ReadWrite, 1);
  auto honest = WorkerLane::adopt(UniqueFd(::dup(lane.down_fd())), UniqueFd(::dup(lane.up_fd())),
                                  UniqueFd(::eventfd(0, EFD_NONBLOCK)));
  if (!up || !honest) return 0;
  Ledger ledger;
  TaskId next = 1;
  for (std::size_t at = 0; at + 4 <= size; at += 4) {
    const unsigned where = data[at + 1] | data[at + 2] << 8;
    switch (data[at] % 8) {
      case 0: {
        const std::uint32_t count = data[at + 1] % 5 + 1;
        if (lane.try_push({next, count, 1}, 0, 1, 0, nullptr, 0) == CoordinatorLane::Push::Done)
          for (std::uint32_t i = 0; i < count; ++i) ledger.out.insert(next++);
        lane.publish();
        break;
      }
      case 1: {
        TakenTask taken;
        // The worker's own end trusts its memory: it only plays while nobody has written over it.
        if (data[at + 3] != 0 || !honest->try_take(taken)) break;
        break;
      }
      case 2:
        if (!lane.drain(ledger)) at = size;  // caught: what remains is accounted for all the same
        break;
      case 3: {
        auto back = lane.recall(data[at + 1] + 1);
        if (!back) {
          at = size;
          break;
        }
        for (const LaneRun& run : *back)
          for (TaskId task = run.first; task < run.first + run.count; ++task) ledger.back(task);
        break;
      }
      case 4:
        if (const auto in_hand = lane.in_hand()) (void)lane.condemn(in_hand->hand);
        (void)lane.progress();
        break;
      case 5:  // a word of the header or the board
        reinterpret_cast<unsigned char*>(up->data())[where % sizeof(UpHeader)] = data[at + 3];
        break;
      case 6:  // an outcome that looks right, or nearly
      {
        OutcomeRecord record{};
        const LaneRun oldest = lane.oldest();
        record.task = oldest.first + data[at + 3] % 2;
        record.attempt = 1;
        record.kind = data[at + 1] % 9;
        record.result_size = data[at + 2];
        record.checksum =
            outcome_checksum(record, reinterpret_cast<const char*>(up->data()) + kSmall.results_offset());
        auto* header = reinterpret_cast<UpHeader*>(up->data());
        const std::uint64_t published = header->outcomes_published.load();
        std::memcpy(up->data() + kSmall.outcomes_offset() + published % kSmall.outcomes * sizeof record,
                    &record, sizeof record);
        header->outcomes_published.store(published + 1);
        break;
      }
      default:
        reinterpret_cast<unsigned char*>(up->data())[where % up->size()] = data[at + 3];
    }
  }
  const auto remains = lane.remains();
  if (remains.in_hand) ledger.back(remains.in_hand->task);
  for (const LaneRun& run : remains.not_begun)
    for (TaskId task = run.first; task < run.first + run.count; ++task) ledger.back(task);
  if (!ledger.out.empty()) std::abort();
  return 0;
}
