#include "common/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
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

// 0, or why no memory of this size can be. By the rule that the kernel has for other memory, which it does
// not apply to files of memory.
int refuse_size(std::size_t bytes) {
  struct sysinfo machine {};
  if (::sysinfo(&machine) == 0 && bytes / machine.mem_unit > machine.totalram + machine.totalswap)
    return ENOMEM;
  // Making it larger than that would not only fail but end the process by SIGXFSZ.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur) return EFBIG;
  return 0;
}

}  // namespace

struct Segment::Mapping {
  bip::mapped_region region;
};

Segment::Segment() = default;
Segment::Segment(Segment&&) noexcept = default;
Segment& Segment::operator=(Segment&&) noexcept = default;
Segment::~Segment() = default;

Status Segment::map(Access access, OnFork on_fork) {
  try {
    mapping_ = std::make_unique<Mapping>(Mapping{bip::mapped_region(
        Mappable{fd_.get()}, access == Access::ReadOnly ? bip::read_only : bip::read_write, 0, size_)});
  } catch (const bip::interprocess_exception& failure) {
    return Error{"map shared memory", {}, failure.get_native_error()};
  }
  data_ = static_cast<std::byte*>(mapping_->region.get_address());
  if (on_fork == OnFork::Unmap) ::madvise(data_, size_, MADV_DONTFORK);
  return Nothing{};
}

Result<Segment> Segment::create(const char* label, std::size_t bytes, Access peer) {
  auto fd = make_memfd(label);
  if (!fd) return fd.error();
  Segment segment;
  segment.fd_ = std::move(fd.value());
  segment.size_ = bytes;
  // Reserve now: a full machine is an error here and not a SIGBUS later.
  if (const int code = ::posix_fallocate(segment.fd_.get(), 0, static_cast<off_t>(bytes)); code != 0)
    return Error{"reserve shared memory", label, code};
  if (auto mapped = segment.map(Access::ReadWrite, OnFork::Unmap); !mapped) return mapped.error();
  const int seals = kFixedSize | (peer == Access::ReadOnly ? F_SEAL_FUTURE_WRITE : 0);
  if (::fcntl(segment.fd_.get(), F_ADD_SEALS, seals) != 0) return last_error("seal shared memory", label);
  return segment;
}

Result<Segment> Segment::create_lazily(const char* label, std::size_t bytes) {
  if (const int code = refuse_size(bytes); code != 0) return Error{"make shared memory", label, code};
  auto fd = make_memfd(label);
  if (!fd) return fd.error();
  Segment segment;
  segment.fd_ = std::move(fd.value());
  segment.size_ = bytes;
  if (::ftruncate(segment.fd_.get(), static_cast<off_t>(bytes)) != 0)
    return last_error("make shared memory", label);
  if (::fcntl(segment.fd_.get(), F_ADD_SEALS, kFixedSize) != 0)
    return last_error("seal shared memory", label);
  if (auto mapped = segment.map(Access::ReadWrite, OnFork::Share); !mapped) return mapped.error();
  return segment;
}

Result<Segment> Segment::hold(UniqueFd fd, std::size_t least) {
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  struct stat info {};
  if (seals < 0 || ::fstat(fd.get(), &info) != 0) return last_error("inspect shared memory");
  if ((seals & kFixedSize) != kFixedSize || static_cast<std::size_t>(info.st_size) < least)
    return Error{"adopt shared memory", "not sealed or too small", EINVAL};
  Segment segment;
  segment.size_ = static_cast<std::size_t>(info.st_size);
  segment.fd_ = std::move(fd);
  return segment;
}

Result<Segment> Segment::adopt(UniqueFd fd, Access access, std::size_t least) {
  auto segment = hold(std::move(fd), least);
  if (!segment) return segment;
  if (auto mapped = segment->map(access, OnFork::Unmap); !mapped) return mapped.error();
  return segment;
}

Result<UniqueFd> Segment::read_only_fd() const {
  // A descriptor keeps the mode that it was opened with: only opening the file again gives another one.
  const std::string path = "/proc/self/fd/" + std::to_string(fd_.get());
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return last_error("open shared memory for reading", path);
  return fd;
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
