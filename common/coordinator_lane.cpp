#include "common/coordinator_lane.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "common/check.hpp"
#include "common/doorbell.hpp"

namespace drover {
namespace {

// A worker that keeps changing its claim word cannot keep the coordinator busy for longer than this many
// tries. An honest one changes it once a task; losing so many races in a row to it does not happen.
constexpr int kMostTries = 10'000;
// A century, in seconds: no attempt takes longer, and what is shorter can be counted in nanoseconds.
constexpr float kLongestWall = 3.2e9F;

}  // namespace

CoordinatorLane::CoordinatorLane(Segment down, Segment up, const LaneShape& shape)
    : down_segment_(std::move(down)), up_segment_(std::move(up)), shape_(shape), entries_(shape.cells) {
  auto* base = reinterpret_cast<char*>(down_segment_.data());
  auto* up_base = reinterpret_cast<char*>(up_segment_.data());
  down_ = new (base) DownHeader{};
  up_ = new (up_base) UpHeader{};
  cells_ = reinterpret_cast<TaskCell*>(base + shape.cells_offset());
  args_ = base + shape.args_offset();
  outcomes_ = reinterpret_cast<const OutcomeRecord*>(up_base + shape.outcomes_offset());
  results_ = up_base + shape.results_offset();
}

Result<CoordinatorLane> CoordinatorLane::create(WorkerId worker, TaskKind kind, const LaneShape& shape) {
  DROVER_CHECK(std::has_single_bit(shape.cells) && shape.cells <= 512 && std::has_single_bit(shape.outcomes));
  auto down = Segment::create("drover-down", shape.down_size(), Access::ReadOnly);
  if (!down) return down.error();
  auto up = Segment::create("drover-up", shape.up_size(), Access::ReadWrite);
  if (!up) return up.error();
  CoordinatorLane lane(std::move(down.value()), std::move(up.value()), shape);
  lane.down_->constants = {.magic = kDownMagic,
                           .version = kLaneVersion,
                           .worker = worker,
                           .cells = shape.cells,
                           .cells_offset = shape.cells_offset(),
                           .args_offset = shape.args_offset(),
                           .args_size = shape.args_size,
                           .outcomes = shape.outcomes,
                           .outcomes_offset = shape.outcomes_offset(),
                           .results_offset = shape.results_offset(),
                           .results_size = shape.results_size,
                           .kind = static_cast<std::uint32_t>(kind),
                           .reserved = {}};
  return lane;
}

CoordinatorLane::Greeting CoordinatorLane::greeting(std::uint32_t functions,
                                                    std::uint64_t functions_hash) const {
  const std::uint64_t magic = up_->magic.load(std::memory_order_seq_cst);
  if (magic == 0) return Greeting::None;
  if (magic != kUpMagic || up_->version.load(std::memory_order_relaxed) != kLaneVersion ||
      up_->functions.load(std::memory_order_relaxed) != functions ||
      up_->functions_hash.load(std::memory_order_relaxed) != functions_hash)
    return Greeting::WrongVersion;
  return Greeting::Welcome;
}

CoordinatorLane::Push CoordinatorLane::try_push(const LaneRun& run, std::uint32_t function,
                                                std::uint32_t slot, std::uint32_t flags,
                                                const std::string_view* args, std::size_t args_count) {
  DROVER_CHECK(run.count >= 1 && run.count <= kMostInRun && (args_count == 0 || args_count == run.count));
  // The cell of the last finished entry stays as it is: the worker looks at it until it has opened the next.
  if (entries() >= shape_.cells - 1) return Push::Full;
  const std::size_t table = run.count > 1 && args_count != 0 ? (run.count + 1) * sizeof(std::uint32_t) : 0;
  std::size_t size = table;
  for (std::size_t i = 0; i < args_count; ++i) size += args[i].size();
  if (size > most_args()) return Push::TooLarge;
  std::uint64_t begin = args_end_;
  if (size != 0) {
    const std::uint64_t room = shape_.args_size;
    const std::uint64_t needed = (size + 7) & ~std::uint64_t{7};
    if (begin % room + needed > room) begin += room - begin % room;  // never across the end
    if (begin + needed - args_begin_ > room) return Push::Full;
    char* to = args_ + begin % room;
    std::uint32_t at = static_cast<std::uint32_t>(table);
    for (std::size_t i = 0; i < args_count; ++i) {
      if (table != 0) std::memcpy(to + i * sizeof at, &at, sizeof at);
      if (!args[i].empty()) std::memcpy(to + at, args[i].data(), args[i].size());
      at += static_cast<std::uint32_t>(args[i].size());
    }
    if (table != 0) std::memcpy(to + args_count * sizeof at, &at, sizeof at);
    args_end_ = begin + needed;
  }
  const std::uint64_t ticket = ++pushed_;
  entry(ticket) = {.task = run.first,
                   .count = run.count,
                   .done = 0,
                   .attempt = run.attempt,
                   .args_begin = begin,
                   .args_end = args_end_};
  cells_[ticket & (shape_.cells - 1)] = {.task = run.first,
                                         .attempt = run.attempt,
                                         .count = run.count,
                                         .function = function,
                                         .flags = flags,
                                         .args_offset = static_cast<std::uint32_t>(begin % shape_.args_size),
                                         .args_size = static_cast<std::uint32_t>(size),
                                         .slot = slot,
                                         .reserved = {}};
  outstanding_ += run.count;
  return Push::Done;
}

void CoordinatorLane::publish() {
  if (pushed_ == published_) return;
  // Publishes the cells: pairs with the acquire in try_take. seq_cst: ordered before the look at the worker's
  // sleep.
  up_->claim.fetch_add(Claim::kOneQueued * (pushed_ - published_), std::memory_order_seq_cst);
  published_ = pushed_;
  wake_if_asleep(up_->asleep);
}

LaneRun CoordinatorLane::oldest() const {
  if (oldest_ > pushed_) return {};
  const Entry& first = entry(oldest_);
  return {first.task + first.done, first.count - first.done, first.attempt};
}

void CoordinatorLane::pop_complete() {
  while (oldest_ <= pushed_ && entry(oldest_).done == entry(oldest_).count) {
    args_begin_ = entry(oldest_).args_end;
    ++oldest_;
  }
  if (oldest_ > pushed_) args_begin_ = args_end_;
}

bool CoordinatorLane::drain(Sink& sink) {
  const std::uint64_t published = up_->outcomes_published.load(std::memory_order_acquire);
  if (published == taken_) return true;
  if (published - taken_ > shape_.outcomes) return false;
  // Successes without a result are told together.
  LaneRun quiet;
  std::uint64_t quiet_ns = 0;
  const auto tell_quiet = [&] {
    if (quiet.count != 0) sink.on_succeeded(quiet.first, quiet.count, quiet.attempt, quiet_ns);
    quiet = {};
    quiet_ns = 0;
  };
  bool honest = true;
  while (taken_ != published) {
    OutcomeRecord record;
    std::memcpy(&record, &outcomes_[taken_ & (shape_.outcomes - 1)], sizeof record);
    honest = oldest_ <= published_ && record.kind <= kLastOutcomeKind;
    if (honest) {
      const Entry& from = entry(oldest_);
      honest = record.task == from.task + from.done && record.attempt == from.attempt &&
               record.result_size <= shape_.results_size &&
               record.result_offset <= shape_.results_size - record.result_size && record.wall_seconds >= 0 &&
               record.wall_seconds < kLongestWall;
    }
    if (!honest) break;
    if (record.result_size != 0 || !result_.empty())
      result_.assign(results_ + record.result_offset, record.result_size);
    honest = record.checksum == outcome_checksum(record, result_.data());
    if (!honest) break;
    const auto wall_ns = static_cast<std::uint64_t>(static_cast<double>(record.wall_seconds) * 1e9);
    if (record.kind == 0 && record.flags == 0 && record.result_size == 0) {
      if (quiet.count != 0 && (quiet.first + quiet.count != record.task || quiet.attempt != record.attempt))
        tell_quiet();
      if (quiet.count == 0) quiet = {record.task, 0, record.attempt};
      ++quiet.count;
      quiet_ns += wall_ns;
    } else {
      tell_quiet();
    }
    // Hands come again after 2^24 entries: no later one is to find itself asked.
    if (stopping_ == record.task) {
      down_->stop_wanted.store(0, std::memory_order_seq_cst);
      stopping_.reset();
    }
    ++taken_;
    ++entry(oldest_).done;
    --outstanding_;
    if (entry(oldest_).done == entry(oldest_).count) pop_complete();
    if (quiet.count == 0)
      sink.on_outcome({record.task, record.attempt, static_cast<OutcomeKind>(record.kind), record.flags,
                       wall_ns, result_});
  }
  tell_quiet();
  down_->outcomes_taken.exchange(taken_, std::memory_order_seq_cst);
  wake_if_asleep(up_->asleep);
  return honest;
}

std::optional<std::uint64_t> CoordinatorLane::opened(const Claim& claim) const {
  const std::uint64_t ticket = published_ - claim.queued;
  if (claim.queued > published_ || (ticket & Claim::kTicketMask) != claim.ticket) return std::nullopt;
  if (ticket + 1 < oldest_) return std::nullopt;  // it would have to be finished, and is not begun
  // An opened entry that is not the oldest outstanding one means outcomes left out, unless all before it are
  // there.
  if (ticket > oldest_) return std::nullopt;
  if (ticket == 0) return claim.next == 0 ? std::optional(ticket) : std::nullopt;
  if (claim.next == 0) return std::nullopt;
  if (ticket == oldest_) {
    const Entry& current = entry(ticket);
    if (claim.next > current.count || claim.next < current.done) return std::nullopt;
    if (claim.end != Claim::kWholeRun && claim.end != current.count) return std::nullopt;
  }
  return ticket;
}

std::optional<std::vector<LaneRun>> CoordinatorLane::recall(std::uint32_t most) {
  std::vector<LaneRun> back;
  std::uint64_t seen = up_->claim.load(std::memory_order_seq_cst);
  for (int tries = 0; tries < kMostTries; ++tries) {
    Claim claim = Claim::unpack(seen);
    // The worker may have begun and finished more than was drained: then `opened` cannot be placed yet.
    const std::uint64_t ticket = published_ - claim.queued;
    if (claim.queued > published_ || (ticket & Claim::kTicketMask) != claim.ticket || ticket + 1 < oldest_)
      return std::nullopt;
    std::uint32_t wanted = most;
    std::uint32_t entries_back = 0;
    while (entries_back < claim.queued && wanted >= entry(published_ - entries_back).count)
      wanted -= entry(published_ - entries_back++).count;
    if (entries_back == 0 && claim.queued != 0)
      entries_back = 1;  // entries behind the open one go as a whole
    // Tasks with an outcome in an entry that is said to be unopened.
    if (published_ - entries_back < oldest_ && oldest_ <= published_ && entry(oldest_).done != 0)
      return std::nullopt;
    Claim changed = claim;
    changed.queued -= entries_back;
    std::uint32_t cut = 0;
    std::uint32_t count = 0;
    if (changed.queued == 0 && wanted != 0 && claim.next != 0 && ticket >= oldest_) {
      count = entry(ticket).count;
      if (claim.next > count || claim.next < entry(ticket).done ||
          (claim.end != Claim::kWholeRun && claim.end != count))
        return std::nullopt;
      cut = std::min(wanted, count - claim.next);
      if (cut != 0) changed.end = count - cut;
    }
    if (entries_back == 0 && cut == 0) return back;
    if (!up_->claim.compare_exchange_weak(seen, changed.pack(), std::memory_order_seq_cst)) continue;
    if (cut != 0) {
      Entry& current = entry(ticket);
      current.count -= cut;
      outstanding_ -= cut;
      back.push_back({current.task + current.count, cut, current.attempt});
    }
    for (std::uint64_t i = published_ - entries_back + 1; i <= published_; ++i) {
      back.push_back({entry(i).task, entry(i).count, entry(i).attempt});
      outstanding_ -= entry(i).count;
    }
    if (entries_back != 0) {
      args_end_ = entry(published_ - entries_back + 1).args_begin;
      published_ -= entries_back;
      pushed_ = published_;
    }
    pop_complete();
    return back;
  }
  return std::nullopt;
}

std::optional<CoordinatorLane::InHand> CoordinatorLane::in_hand() const {
  const Claim claim = Claim::unpack(up_->claim.load(std::memory_order_seq_cst));
  const auto ticket = opened(claim);
  if (!ticket || *ticket != oldest_ || oldest_ > published_) return std::nullopt;
  const Entry& current = entry(oldest_);
  if (claim.next <= current.done) return std::nullopt;
  return InHand{{claim.ticket, claim.next - 1}, current.task + claim.next - 1, current.attempt};
}

bool CoordinatorLane::claim_is_possible() const {
  return opened(Claim::unpack(up_->claim.load(std::memory_order_seq_cst))).has_value();
}

bool CoordinatorLane::condemn(Hand hand) {
  std::uint64_t seen = up_->claim.load(std::memory_order_seq_cst);
  for (int tries = 0; tries < kMostTries; ++tries) {
    Claim claim = Claim::unpack(seen);
    if (claim.ticket != hand.ticket || claim.next != hand.item + 1) return false;
    claim.condemned = true;
    if (up_->claim.compare_exchange_weak(seen, claim.pack(), std::memory_order_seq_cst)) return true;
  }
  return true;  // it fights for the word: treat it as condemned, its death will tell the rest
}

void CoordinatorLane::pardon() {
  Claim bit;
  bit.condemned = true;
  up_->claim.fetch_and(~bit.pack(), std::memory_order_seq_cst);
  wake_if_asleep(up_->asleep);
}

void CoordinatorLane::want_stop(Hand hand) {
  stopping_ = entry(oldest_).task + hand.item;
  down_->stop_wanted.store(hand.pack(), std::memory_order_seq_cst);
  down_->stops.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_one(down_->stops);
}

CoordinatorLane::Remains CoordinatorLane::remains() const {
  Remains remains;
  if (oldest_ > pushed_) return remains;
  const Entry& first = entry(oldest_);
  remains.in_hand = in_hand();
  remains.honest = opened(Claim::unpack(up_->claim.load(std::memory_order_seq_cst))).has_value() &&
                   (!remains.in_hand || remains.in_hand->task == first.task + first.done);
  if (!remains.honest) {
    remains.in_hand.reset();
    if (outstanding_ == 1) remains.in_hand = InHand{{0, 0}, first.task + first.done, first.attempt};
  }
  const std::uint32_t held = remains.in_hand ? 1 : 0;
  for (std::uint64_t from = oldest_; from <= pushed_; ++from) {
    const Entry& each = entry(from);
    const std::uint32_t gone = each.done + (from == oldest_ ? held : 0);
    if (gone < each.count) remains.not_begun.push_back({each.task + gone, each.count - gone, each.attempt});
  }
  return remains;
}

bool CoordinatorLane::wake_due() const {
  const std::uint64_t published = up_->outcomes_published.load(std::memory_order_seq_cst);
  if (published == taken_) return false;
  return published >= wake_at_ || up_->asleep.load(std::memory_order_seq_cst) != 0;
}

void CoordinatorLane::declare_sleep(std::uint32_t outcomes) {
  wake_at_ = taken_ + outcomes;
  down_->wake_at.store(wake_at_, std::memory_order_relaxed);  // published by the epoch
  if ((down_->sleep_epoch.load(std::memory_order_relaxed) & 1) == 0)
    down_->sleep_epoch.fetch_add(1, std::memory_order_seq_cst);
}

void CoordinatorLane::declare_awake() {
  if ((down_->sleep_epoch.load(std::memory_order_relaxed) & 1) != 0)
    down_->sleep_epoch.fetch_add(1, std::memory_order_seq_cst);
}

void CoordinatorLane::set_spin(Duration spin) {
  down_->spin_ns.store(static_cast<std::uint32_t>(spin.count()), std::memory_order_relaxed);
}

void CoordinatorLane::message_sent() {
  down_->messages.fetch_add(1, std::memory_order_seq_cst);
  wake_if_asleep(up_->asleep);
}

std::optional<LaneProgress> CoordinatorLane::progress() const {
  const Board& board = up_->board;
  for (int tries = 0; tries < 8; ++tries) {
    const std::uint32_t version = board.version.load(std::memory_order_acquire);
    if ((version & 1) != 0) continue;
    LaneProgress copy;
    copy.done = board.done.load(std::memory_order_acquire);
    copy.total = board.total.load(std::memory_order_acquire);
    copy.at_ns = board.at_ns.load(std::memory_order_acquire);
    const std::uint64_t hand = board.ticket.load(std::memory_order_acquire);
    std::uint64_t words[kBoardText / 8];
    for (std::size_t i = 0; i < std::size(words); ++i)
      words[i] = board.text[i].load(std::memory_order_acquire);
    const std::size_t size =
        std::min<std::size_t>(board.text_size.load(std::memory_order_acquire), kBoardText);
    if (board.version.load(std::memory_order_relaxed) != version) continue;
    if (copy.at_ns == 0) return std::nullopt;
    copy.hand = {static_cast<std::uint32_t>(hand >> 14) & Claim::kTicketMask,
                 static_cast<std::uint32_t>(hand) & Claim::kWholeRun};
    copy.text.assign(reinterpret_cast<const char*>(words), size);
    return copy;
  }
  return std::nullopt;  // it is being written all the time: look again at the next redraw
}

std::uint64_t CoordinatorLane::started_ns() const {
  return up_->board.started_ns.load(std::memory_order_relaxed);
}
std::uint64_t CoordinatorLane::out_bytes() const {
  return up_->board.out_bytes.load(std::memory_order_acquire);
}
std::uint64_t CoordinatorLane::err_bytes() const {
  return up_->board.err_bytes.load(std::memory_order_acquire);
}

bool CoordinatorLane::listens(Hand hand) const {
  return up_->board.listens.load(std::memory_order_relaxed) == hand.pack();
}

std::string CoordinatorLane::stderr_tail(Hand hand) const {
  const Board& board = up_->board;
  if (board.err_tail_ticket.load(std::memory_order_acquire) != hand.pack()) return {};
  const std::uint64_t total = board.err_tail_total.load(std::memory_order_acquire);
  const std::uint64_t size = std::min<std::uint64_t>(total, kStderrTail);
  std::string tail;
  for (std::uint64_t at = total - size; at != total; ++at) tail += board.err_tail[at % kStderrTail];
  return tail;
}

}  // namespace drover
