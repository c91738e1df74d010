#include <atomic>
#include <mutex>
#include <string>
#include <system_error>

#include <drover/detail/shared_segment.hpp>

#include "common/segment.hpp"

namespace drover::detail {
namespace {

std::uint64_t new_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

[[noreturn]] void refuse(const Error& error, std::size_t bytes) {
  throw std::system_error(error.code, std::generic_category(),
                          "shared memory of " + std::to_string(bytes) + " bytes: " + error.call);
}

std::atomic<SegmentGone> gone{nullptr};

}  // namespace

void on_segment_gone(SegmentGone told) {
  gone.store(told);
}

struct SharedSegment::Memory {
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    const SegmentGone told = gone.load();
    if (told == nullptr || whole.fd_ < 0) return;
    told(whole.id_);
    if (reader.id_ != 0) told(reader.id_);
  }

  std::mutex mutex;  // of what is done once: mapping, and the view for readers
  Segment segment;
  UniqueFd reader_fd;
  SharedSegment whole, reader;

  // One block, one count of references, two objects to point to.
  static std::shared_ptr<SharedSegment> share(std::unique_ptr<Memory> made) {
    const std::shared_ptr<Memory> memory = std::move(made);
    memory->whole.memory_ = memory->reader.memory_ = memory.get();
    return {memory, &memory->whole};
  }
};

std::shared_ptr<SharedSegment> SharedSegment::create(std::size_t bytes) {
  auto segment = Segment::create_lazily("drover-shared", bytes);
  if (!segment) refuse(segment.error(), bytes);
  auto memory = std::make_unique<Memory>();
  memory->segment = std::move(segment.value());
  SharedSegment& whole = memory->whole;
  whole.id_ = new_id();
  whole.size_ = bytes;
  whole.writable_ = true;
  whole.fd_ = memory->segment.fd();
  return Memory::share(std::move(memory));
}

std::shared_ptr<SharedSegment> SharedSegment::adopt(std::uint64_t id, int fd, std::size_t bytes,
                                                    bool writable) {
  auto segment = Segment::hold(UniqueFd(fd), bytes);
  if (!segment) refuse(segment.error(), bytes);
  auto memory = std::make_unique<Memory>();
  memory->segment = std::move(segment.value());
  SharedSegment& whole = memory->whole;
  whole.id_ = id;
  whole.size_ = bytes;
  whole.writable_ = writable;
  return Memory::share(std::move(memory));
}

std::shared_ptr<SharedSegment> SharedSegment::read_only(const std::shared_ptr<SharedSegment>& segment) {
  if (!segment->writable_ || segment->fd_ < 0) return segment;
  Memory& memory = *segment->memory_;
  const std::lock_guard lock(memory.mutex);
  if (SharedSegment& reader = memory.reader; reader.id_ == 0) {
    auto fd = memory.segment.read_only_fd();
    if (!fd) refuse(fd.error(), segment->size_);
    memory.reader_fd = std::move(fd.value());
    reader.size_ = segment->size_;
    reader.fd_ = memory.reader_fd.get();
    reader.id_ = new_id();
  }
  return {segment, &memory.reader};
}

std::byte* SharedSegment::data() {
  const std::lock_guard lock(memory_->mutex);
  Segment& segment = memory_->segment;
  if (segment.data() == nullptr) {
    const auto mapped = segment.map(writable_ ? Access::ReadWrite : Access::ReadOnly, OnFork::Share);
    if (!mapped) refuse(mapped.error(), size_);
    segment.close_fd();
  }
  return segment.data();
}

}  // namespace drover::detail
