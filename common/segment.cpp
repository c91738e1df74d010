#include "common/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/detail/os_file_functions.hpp>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace drover {
namespace {

namespace bip = boost::interprocess;

constexpr int kFixedSize = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// What mapped_region asks of a memory-mappable object.
struct Mappable {
  int fd;
  [[nodiscard]] bip::mapping_handle_t get_mapping_handle() const {
    return bip::ipcdetail::mapping_handle_from_file_handle(fd);
  }
};

Result<UniqueFd> make_memfd(const char* label) {
  int fd = ::memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL)
    fd = ::memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before Linux 6.3
  if (fd < 0) return last_error("memfd_create", label);
  return UniqueFd(fd);
}

}  // namespace

struct Segment::Mapping {
  bip::mapped_region region;
};

Segment::Segment() = default;
Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;
Segment::~Segment() = default;

Result<Segment> Segment::create(const char* label, std::size_t bytes, Access peer) {
  auto fd = make_memfd(label);
  if (!fd) return fd.error();
  Segment segment;
  segment.fd_ = std::move(fd.value());
  // Reserve now: a full machine is an error here and not a SIGBUS later.
  if (const int code = ::posix_fallocate(segment.fd_.get(), 0, static_cast<off_t>(bytes)); code != 0)
    return Error{"reserve shared memory", label, code};
  try {
    segment.mapping_ = std::make_unique<Mapping>(
        Mapping{bip::mapped_region(Mappable{segment.fd_.get()}, bip::read_write, 0, bytes)});
  } catch (const bip::interprocess_exception& failure) {
    return Error{"map shared memory", label, failure.get_native_error()};
  }
  segment.data_ = static_cast<std::byte*>(segment.mapping_->region.get_address());
  segment.size_ = bytes;
  const int seals = kFixedSize | (peer == Access::ReadOnly ? F_SEAL_FUTURE_WRITE : 0);
  if (::fcntl(segment.fd_.get(), F_ADD_SEALS, seals) != 0) return last_error("seal shared memory", label);
  ::madvise(segment.data_, bytes, MADV_DONTFORK);
  return segment;
}

Result<Segment> Segment::adopt(UniqueFd fd, Access access, std::size_t least) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  struct stat info {};
  if (seals < 0 || ::fstat(fd.get(), &info) != 0) return last_error("inspect shared memory");
  if ((seals & kFixedSize) != kFixedSize || static_cast<std::size_t>(info.st_size) < least)
    return Error{"adopt shared memory", "not sealed or too small", EINVAL};
  Segment segment;
  segment.size_ = static_cast<std::size_t>(info.st_size);
  try {
    segment.mapping_ = std::make_unique<Mapping>(Mapping{
        bip::mapped_region(Mappable{fd.get()}, access == Access::ReadOnly ? bip::read_only : bip::read_write,
                           0, segment.size_)});
  } catch (const bip::interprocess_exception& failure) {
    return Error{"map shared memory", {}, failure.get_native_error()};
  }
  segment.data_ = static_cast<std::byte*>(segment.mapping_->region.get_address());
  ::madvise(segment.data_, segment.size_, MADV_DONTFORK);
  segment.fd_ = std::move(fd);
  return segment;
}

Result<UniqueFd> make_sealed_blob(const char* label, std::string_view bytes) {
  auto fd = make_memfd(label);
  if (!fd) return fd.error();
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t n = ::write(fd->get(), bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error("write shared memory", label);
    written += static_cast<std::size_t>(n);
  }
  if (::fcntl(fd->get(), F_ADD_SEALS, kFixedSize | F_SEAL_WRITE) != 0)
    return last_error("seal shared memory", label);
  return std::move(fd.value());
}

Result<std::string> read_sealed_blob(int fd, std::size_t most) {
  constexpr int kNeeded = F_SEAL_SHRINK | F_SEAL_WRITE;
  const int seals = ::fcntl(fd, F_GET_SEALS);
  struct stat info {};
  if (seals < 0 || ::fstat(fd, &info) != 0) return last_error("inspect shared memory");
  if ((seals & kNeeded) != kNeeded) return Error{"read shared memory", "not sealed", EINVAL};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > most) return Error{"read shared memory", "too large", EFBIG};
  std::string bytes(size, '\0');
  for (std::size_t got = 0; got < size;) {
    const ssize_t n = ::pread(fd, bytes.data() + got, size - got, static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return last_error("read shared memory");
    got += static_cast<std::size_t>(n);
  }
  return bytes;
}

}  // namespace drover
