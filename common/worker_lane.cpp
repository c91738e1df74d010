#include "common/worker_lane.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/check.hpp"
#include "common/clock.hpp"
#include "common/doorbell.hpp"

namespace drover {
namespace {

bool fits(const DownConstants& c, std::size_t down_size, std::size_t up_size) {
  const auto end = [](std::uint64_t offset, std::uint64_t size) { return offset + size; };
  return c.magic == kDownMagic && c.version == kLaneVersion && std::has_single_bit(c.cells) &&
         c.cells <= 512 && std::has_single_bit(c.outcomes) &&
         end(c.cells_offset, std::uint64_t{c.cells} * sizeof(TaskCell)) <= down_size &&
         end(c.args_offset, c.args_size) <= down_size &&
         end(c.outcomes_offset, std::uint64_t{c.outcomes} * sizeof(OutcomeRecord)) <= up_size &&
         end(c.results_offset, c.results_size) <= up_size;
}

}  // namespace

WorkerLane::WorkerLane(Segment down, Segment up, UniqueFd bell)
    : down_segment_(std::move(down)), up_segment_(std::move(up)), bell_(std::move(bell)) {
  const char* base = reinterpret_cast<const char*>(down_segment_.data());
  char* up_base = reinterpret_cast<char*>(up_segment_.data());
  down_ = reinterpret_cast<const DownHeader*>(base);
  up_ = reinterpret_cast<UpHeader*>(up_base);
  const DownConstants& c = down_->constants;
  cells_ = reinterpret_cast<const TaskCell*>(base + c.cells_offset);
  args_ = base + c.args_offset;
  outcomes_ = reinterpret_cast<OutcomeRecord*>(up_base + c.outcomes_offset);
  results_ = up_base + c.results_offset;
  result_ends_.resize(c.outcomes);
}

Result<WorkerLane> WorkerLane::adopt(UniqueFd down_fd, UniqueFd up_fd, UniqueFd bell) {
  auto down = Segment::adopt(std::move(down_fd), Access::ReadOnly, sizeof(DownHeader));
  if (!down) return down.error();
  auto up = Segment::adopt(std::move(up_fd), Access::ReadWrite, sizeof(UpHeader));
  if (!up) return up.error();
  const auto& constants = reinterpret_cast<const DownHeader*>(down->data())->constants;
  if (!fits(constants, down->size(), up->size()))
    return Error{"adopt the lane", "made by another version of drover", EPROTO};
  down->close_fd();
  up->close_fd();
  return WorkerLane(std::move(down.value()), std::move(up.value()), std::move(bell));
}

void WorkerLane::greet(std::uint32_t functions, std::uint64_t functions_hash) {
  up_->functions.store(functions, std::memory_order_relaxed);
  up_->functions_hash.store(functions_hash, std::memory_order_relaxed);
  up_->version.store(kLaneVersion, std::memory_order_relaxed);
  up_->magic.exchange(kUpMagic, std::memory_order_seq_cst);
  ring();
}

bool WorkerLane::try_take(TakenTask& taken) {
  const std::uint32_t mask = down_->constants.cells - 1;
  const auto run_count = [&](std::uint32_t ticket) { return cells_[ticket & mask].count; };
  if (!drover::try_take(up_->claim, run_count, taken.hand)) return false;
  const TaskCell& cell = cells_[taken.hand.ticket & mask];
  taken.task = cell.task + taken.hand.item;
  taken.attempt = cell.attempt;
  taken.function = cell.function;
  taken.flags = cell.flags;
  taken.slot = cell.slot;
  taken.last_of_entry = taken.hand.item + 1 >= cell.count;
  const char* args = args_ + cell.args_offset;
  if (cell.count == 1 || cell.args_size == 0) {
    taken.args = {args, cell.args_size};
  } else {
    const auto* offsets = reinterpret_cast<const std::uint32_t*>(args) + taken.hand.item;
    taken.args = {args + offsets[0], offsets[1] - offsets[0]};
  }
  return true;
}

bool WorkerLane::work_waiting() const {
  const Claim claim = Claim::unpack(up_->claim.load(std::memory_order_seq_cst));
  if (claim.condemned) return false;
  if (claim.queued != 0) return true;
  if (claim.next == 0) return false;
  const std::uint32_t count = cells_[claim.ticket & (down_->constants.cells - 1)].count;
  return claim.next < (claim.end == Claim::kWholeRun ? count : claim.end);
}

bool WorkerLane::message_waiting() const {
  return down_->messages.load(std::memory_order_seq_cst) != messages_read_;
}

void WorkerLane::wait_for_work() {
  if (work_waiting() || message_waiting()) return;
  if (rung_at_ != published_) ring();  // what was held back until there would be more
  if (const std::uint64_t spin = down_->spin_ns.load(std::memory_order_relaxed); spin != 0) {
    const std::uint64_t until = now_ns() + spin;
    do {
      for (int i = 0; i < 16; ++i) {
        if (work_waiting()) return;
        relax();
      }
    } while (now_ns() < until);
  }
  while (true) {
    up_->asleep.exchange(1, std::memory_order_seq_cst);
    if (work_waiting() || message_waiting()) break;
    futex_wait(up_->asleep, 1);
    if (up_->asleep.load(std::memory_order_seq_cst) == 0) return;
  }
  up_->asleep.store(0, std::memory_order_seq_cst);
}

void WorkerLane::release_taken_results() {
  const std::uint64_t taken = std::min(down_->outcomes_taken.load(std::memory_order_acquire), published_);
  if (taken == released_) return;
  results_begin_ = result_ends_[(taken - 1) & (down_->constants.outcomes - 1)];
  released_ = taken;
}

bool WorkerLane::place_result(std::size_t size, std::uint32_t& offset) {
  const std::uint64_t room = down_->constants.results_size;
  const std::uint64_t needed = (size + 7) & ~std::uint64_t{7};
  std::uint64_t begin = results_end_;
  if (begin % room + needed > room) begin += room - begin % room;  // never across the end
  if (begin + needed - results_begin_ > room) return false;
  offset = static_cast<std::uint32_t>(begin % room);
  results_end_ = begin + needed;
  return true;
}

void WorkerLane::publish(const TakenTask& taken, OutcomeKind kind, std::uint8_t flags, std::uint64_t wall_ns,
                         std::string_view result) {
  DROVER_CHECK(result.size() <= most_result());
  const std::uint32_t outcomes = down_->constants.outcomes;
  std::uint32_t offset = 0;
  const auto try_place = [&] {
    return published_ - released_ < outcomes && (result.empty() || place_result(result.size(), offset));
  };
  while (!try_place()) {
    release_taken_results();
    if (try_place()) break;
    ring();
    up_->asleep.exchange(1, std::memory_order_seq_cst);
    if (down_->outcomes_taken.load(std::memory_order_seq_cst) == released_) futex_wait(up_->asleep, 1);
    up_->asleep.store(0, std::memory_order_seq_cst);
  }
  if (!result.empty()) std::memcpy(results_ + offset, result.data(), result.size());
  const std::uint64_t place = published_ & (outcomes - 1);
  result_ends_[place] = results_end_;
  OutcomeRecord record{.task = taken.task,
                       .attempt = taken.attempt,
                       .kind = static_cast<std::uint8_t>(kind),
                       .flags = flags,
                       .slot = 0,
                       .result_offset = offset,
                       .result_size = static_cast<std::uint32_t>(result.size()),
                       .wall_seconds = static_cast<float>(static_cast<double>(wall_ns) * 1e-9),
                       .checksum = 0};
  record.checksum = outcome_checksum(record, result.data());
  outcomes_[place] = record;
  // Publishes the record: pairs with the coordinator's load in drain. seq_cst: ordered before the look at its
  // sleep.
  up_->outcomes_published.exchange(++published_, std::memory_order_seq_cst);
  const std::uint32_t epoch = down_->sleep_epoch.load(std::memory_order_seq_cst);
  if ((epoch & 1) != 0 && epoch != rung_epoch_ &&
      published_ >= down_->wake_at.load(std::memory_order_relaxed))
    ring();
}

void WorkerLane::ring() {
  rung_at_ = published_;
  const std::uint32_t epoch = down_->sleep_epoch.load(std::memory_order_seq_cst);
  if ((epoch & 1) == 0 || epoch == rung_epoch_) return;
  rung_epoch_ = epoch;
  const std::uint64_t one = 1;
  while (::write(bell_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void WorkerLane::report_progress(Hand hand, std::uint64_t done, std::uint64_t total, std::string_view text) {
  Board& board = up_->board;
  const std::uint32_t version = board.version.load(std::memory_order_relaxed);
  board.version.store(version + 1, std::memory_order_seq_cst);
  board.done.store(done, std::memory_order_release);
  board.total.store(total, std::memory_order_release);
  board.at_ns.store(now_ns(), std::memory_order_release);
  board.ticket.store(hand.pack(), std::memory_order_release);
  const std::size_t size = std::min(text.size(), kBoardText);
  std::uint64_t words[kBoardText / 8] = {};
  if (size != 0) std::memcpy(words, text.data(), size);
  for (std::size_t i = 0; i < std::size(words); ++i) board.text[i].store(words[i], std::memory_order_release);
  board.text_size.store(static_cast<std::uint32_t>(size), std::memory_order_release);
  board.version.store(version + 2, std::memory_order_release);
}

void WorkerLane::keep_stderr(Hand hand, std::string_view bytes) {
  Board& board = up_->board;
  if (board.err_tail_ticket.load(std::memory_order_relaxed) != hand.pack()) {
    board.err_tail_total.store(0, std::memory_order_relaxed);
    board.err_tail_ticket.store(hand.pack(), std::memory_order_release);
  }
  std::uint64_t total = board.err_tail_total.load(std::memory_order_relaxed);
  if (bytes.size() > kStderrTail) {
    total += bytes.size() - kStderrTail;
    bytes.remove_prefix(bytes.size() - kStderrTail);
  }
  for (const char each : bytes) board.err_tail[total++ % kStderrTail] = each;
  board.err_tail_total.store(total, std::memory_order_release);
}

}  // namespace drover
