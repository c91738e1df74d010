#include "runner/view/output_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace drover {
namespace {

constexpr std::size_t kBlock = 256 * 1024;
constexpr std::uint64_t kCopyStep = std::uint64_t{16} << 20;
constexpr std::uint64_t kSettleBytes = 64 * 1024;
constexpr std::uint64_t kSettleTasks = 256;
constexpr std::uint64_t kFilesKept = 128;
// Holes are punched in whole pieces of this size, and the last one before the reading position stays: pages
// of which a part is still needed, and the end of stderr that the note of a failure shows.
constexpr std::uint64_t kPiece = 64 * 1024;

constexpr Channel kChannels[] = {Channel::Out, Channel::Err};

std::size_t read_at(int fd, std::uint64_t at, char* into, std::size_t size) {
  for (;;) {
    const ssize_t n = ::pread(fd, into, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
}

// The lines of `block` with the tag before each; `line_start` says whether the block begins a line, and then
// whether the next one will.
void add_tags(std::string_view block, std::string_view tag, bool& line_start, std::string& tagged) {
  tagged.clear();
  while (!block.empty()) {
    if (line_start) tagged += tag;
    const std::size_t newline = block.find('\n');
    line_start = newline != std::string_view::npos;
    const std::size_t size = line_start ? newline + 1 : block.size();
    tagged += block.substr(0, size);
    block.remove_prefix(size);
  }
}

void punch_behind(OutputPart& part) {
  const std::uint64_t upto = part.from / kPiece * kPiece;
  if (upto < part.punched + 16 * kPiece) return;
  // Refused where the file system cannot, or the descriptor is read-only: that costs disk, nothing else.
  ::fallocate(part.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(part.punched),
              static_cast<off_t>(upto - kPiece - part.punched));
  part.punched = upto - kPiece;
}

}  // namespace

OutputWriter::OutputWriter(const OutputOptions& options, const OutputCallbacks& callbacks, OutputQueue& queue)
    : options_(options),
      callbacks_(callbacks),
      queue_(queue),
      order_(options_, [this](OutputAttemptPtr attempt,
                              OutputOrder::Turn turn) { return keep(std::move(attempt), turn); }),
      sink_(options.out_fd, options.err_fd, [this](int fd) { return wait_for(fd); }) {}

void OutputWriter::run() {
  for (;;) {
    if (order_.has_job()) {
      perform(order_.take_job());
    } else if (next_ < taken_.events.size()) {
      accept_next();
    } else if (!refill()) {
      if (taken_.closed) break;
      idle();
    }
  }
  order_.close();
  while (order_.has_job()) perform(order_.take_job());
  sink_.set_status({});
  sink_.flush();
  sink_.show_status();
  settle();
  if (callbacks_.on_closed) callbacks_.on_closed();
}

bool OutputWriter::refill() {
  taken_.events.clear();
  next_ = 0;
  queue_.take(taken_);
  if (taken_.status) sink_.set_status(*std::exchange(taken_.status, std::nullopt));
  return !taken_.events.empty();
}

void OutputWriter::accept_next() {
  OutputEvent event = std::move(taken_.events[next_++]);
  const bool ends = event.kind == OutputEvent::Kind::Live || event.kind == OutputEvent::Kind::End;
  if (ends && event.task == wanted()) wanted_ = 0;
  const OutputLoad growth = order_.accept(std::move(event));
  if (growth.bytes > 0 || growth.files > 0) queue_.add(growth);
}

void OutputWriter::accept_all() {
  do {
    while (next_ < taken_.events.size()) accept_next();
  } while (refill());
}

// There is nothing to do: show what was gathered, and sleep.
void OutputWriter::idle() {
  sink_.flush();
  settle();
  // The flush may have waited for a reader, and taken more events meanwhile.
  if (order_.has_job() || next_ < taken_.events.size()) return;
  sink_.show_status();
  queue_.wait(-1, ask_for_head());
}

bool OutputWriter::wait_for(int fd) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  while (!queue_.abandoned()) {
    if (::poll(&ready, 1, 0) > 0) return true;
    blocked_ = true;
    accept_all();
    settle();
    sink_.show_status_while_waiting();
    const bool free = queue_.wait(fd, std::nullopt);
    blocked_ = false;
    if (free) return true;
  }
  return false;
}

// Calls on_head when the head has run long enough; otherwise returns when that will be.
std::optional<Instant> OutputWriter::ask_for_head() {
  OutputAttemptPtr head = order_.head_to_ask();
  if (!head) {
    head_.reset();
    return std::nullopt;
  }
  const Instant moment = now();
  if (head != head_) {
    head_ = std::move(head);
    head_since_ = moment;
  }
  if (moment < head_since_ + options_.live_after) return head_since_ + options_.live_after;
  head_->asked = true;
  wanted_ = order_.head();
  if (callbacks_.on_head) callbacks_.on_head(order_.head());
  return std::nullopt;
}

void OutputWriter::perform(OutputJob job) {
  if (job.kind == OutputJob::Kind::Note) {
    sink_.note(job.text);
    return owe(load_of_note(job.text));
  }
  if (job.passed > 0) return owe({.tasks = job.passed});
  if (const auto* spilled = std::get_if<SpilledOutput>(&job.what)) return write_spilled(*spilled);
  OutputAttempt& attempt = *std::get<OutputAttemptPtr>(job.what);
  if (job.kind == OutputJob::Kind::Pump) {
    attempt.pump_queued = false;
    return write_attempt(attempt, false);
  }
  if (job.kind == OutputJob::Kind::Output) write_attempt(attempt, true);
  owe(std::exchange(attempt.load, {}));
}

void OutputWriter::write_attempt(OutputAttempt& attempt, bool over) {
  const bool by_line = options_.tag || options_.mode == OutputOptions::Mode::Line;
  for (const Channel channel : kChannels) {
    OutputPart& part = attempt.part(channel);
    if (!over && by_line) find_last_line(part);
    write_part(attempt, channel, !over && by_line ? part.line_end : part.size);
  }
}

void OutputWriter::write_part(OutputAttempt& attempt, Channel channel, std::uint64_t upto) {
  OutputPart& part = attempt.part(channel);
  if (part.file && !options_.tag && !attempt.live) {
    while (part.from < upto && !sink_.dead(channel)) {
      const std::uint64_t n =
          sink_.copy(channel, part.file.get(), part.from, std::min(kCopyStep, upto - part.from));
      if (n == 0) break;
      part.from += n;
      paid(attempt, n);
    }
  }
  if (sink_.dead(channel)) {
    paid(attempt, upto - std::min(part.from, upto));
    part.from = std::max(part.from, upto);
  }
  render(part, upto, attempt.name, writing_, [&](std::string_view bytes, std::uint64_t taken) {
    sink_.write(channel, bytes);
    paid(attempt, taken);
    if (attempt.live) punch_behind(part);
    return true;
  });
}

void OutputWriter::write_spilled(const SpilledOutput& spilled) {
  std::uint64_t at = spilled.at;
  for (const Channel channel : kChannels) {
    const std::uint64_t end = at + (channel == Channel::Out ? spilled.out_size : spilled.err_size);
    while (at < end && !sink_.dead(channel)) {
      writing_.block.resize(kBlock);
      const std::size_t most = std::min<std::uint64_t>(kBlock, end - at);
      const std::size_t n = spill_.read(at, writing_.block.data(), most);
      if (n == 0) break;
      sink_.write(channel, std::string_view(writing_.block).substr(0, n));
      at += n;
      owe({.bytes = n});
    }
    owe({.bytes = end - at});
    at = end;
  }
  spill_.release(spilled.at, spilled.out_size + spilled.err_size);
  owe({.tasks = 1});
}

// Gives bytes [part.from, upto) to `put`, as they are to be written, with how many of the part's own they
// stand for. Ends early when `put` says so.
template <class Put>
void OutputWriter::render(OutputPart& part, std::uint64_t upto, std::string_view tag, Scratch& scratch,
                          Put put) {
  while (part.from < upto) {
    std::string_view block;
    if (part.file) {
      scratch.block.resize(kBlock);
      const std::size_t most = std::min<std::uint64_t>(kBlock, upto - part.from);
      block = {scratch.block.data(), read_at(part.file.get(), part.from, scratch.block.data(), most)};
    } else {
      block = std::string_view(part.memory).substr(part.from, upto - part.from);
    }
    if (block.empty()) return;  // the file is shorter than was said
    part.from += block.size();
    const std::size_t taken = block.size();
    if (!tag.empty()) {
      add_tags(block, tag, part.line_start, scratch.tagged);
      block = scratch.tagged;
    }
    if (!put(block, taken)) return;
  }
}

// Looks only at what has come since the last time: a line may be as long as it likes.
void OutputWriter::find_last_line(OutputPart& part) {
  writing_.block.resize(kBlock);
  while (part.scanned < part.size) {
    const std::size_t most = std::min<std::uint64_t>(kBlock, part.size - part.scanned);
    const std::size_t n = read_at(part.file.get(), part.scanned, writing_.block.data(), most);
    if (n == 0) return;
    const std::size_t newline = std::string_view(writing_.block).substr(0, n).rfind('\n');
    if (newline != std::string_view::npos) part.line_end = part.scanned + newline + 1;
    part.scanned += n;
  }
}

WaitingOutput OutputWriter::keep(OutputAttemptPtr attempt, OutputOrder::Turn turn) {
  // What is partly written already stays where it is: its bytes may be in flight.
  if ((turn == OutputOrder::Turn::Next && !blocked_) || attempt->shown) return attempt;
  const OutputLoad load = queue_.load();
  const bool memory = attempt->load.memory > 0 && load.memory - owed_.memory > options_.memory_limit;
  const bool files = attempt->load.files > 0 && load.files - owed_.files > kFilesKept;
  if (!memory && !files) return attempt;
  return put_away(std::move(attempt));
}

// Precondition: nothing of it is written.
WaitingOutput OutputWriter::put_away(OutputAttemptPtr attempt) {
  SpilledOutput spilled{.at = spill_.end()};
  std::optional<Error> refused;
  for (const Channel channel : kChannels) {
    OutputPart& part = attempt->part(channel);
    const std::uint64_t before = spill_.end();
    render(part, part.size, attempt->name, keeping_, [&](std::string_view bytes, std::uint64_t) {
      Status status = spill_.append(bytes);
      if (!status) refused = status.error();
      return status.ok();
    });
    (channel == Channel::Out ? spilled.out_size : spilled.err_size) = spill_.end() - before;
    if (refused) break;
  }
  if (refused) {
    // It stays as it is. When memory is full too, nothing new is started.
    spill_.rewind(spilled.at);
    for (OutputPart& part : attempt->parts) {
      part.from = 0;
      part.line_start = true;
    }
    if (!std::exchange(spill_refused_, true)) {
      OutputEvent note;
      note.text = "drover: output that waits stays in memory: " + refused->text();
      queue_.add(load_of(note, options_));
      [[maybe_unused]] const OutputLoad none = order_.accept(std::move(note));
    }
    return attempt;
  }
  queue_.add({.bytes = spilled.out_size + spilled.err_size});
  attempt->load.tasks = 0;  // goes on waiting
  owe(std::exchange(attempt->load, {}));
  return spilled;
}

void OutputWriter::paid(OutputAttempt& attempt, std::uint64_t bytes) {
  bytes = std::min(bytes, attempt.load.bytes);
  attempt.load.bytes -= bytes;
  owe({.bytes = bytes});
}

void OutputWriter::owe(const OutputLoad& load) {
  owed_.bytes += load.bytes;
  owed_.memory += load.memory;
  owed_.tasks += load.tasks;
  owed_.files += load.files;
  if (owed_.bytes >= kSettleBytes || owed_.memory >= kSettleBytes || owed_.tasks >= kSettleTasks) settle();
}

void OutputWriter::settle() {
  const OutputLoad owed = std::exchange(owed_, {});
  const bool drained = queue_.release(owed);
  if (sink_.failure() && !failure_) {
    failure_ = sink_.failure();
    broken_.store(true, std::memory_order_release);
    if (callbacks_.on_broken) callbacks_.on_broken();
  }
  if (drained && callbacks_.on_drained) callbacks_.on_drained();
}

}  // namespace drover
