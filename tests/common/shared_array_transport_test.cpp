// Arrays in shared memory, for who is sent them: what they may do, and what is refused.
#include <drover/shared_array.hpp>

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <array>
#include <limits>
#include <numeric>
#include <set>
#include <system_error>

#include "tests/common/shared_memory_fixture.hpp"

namespace drover::test {

using Segment = detail::SharedSegment;

TEST_CASE("what a worker writes into an array that it was sent is seen here") {
  Sent sent;
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  sent.encode<SharedArray<int>>(array);
  CHECK(in_child([&] {
          Decoder decoder = sent.decoder();
          const auto there = decoder.value<SharedArray<int>>();
          if (there.data() == array.data()) return 1;  // not the parent's mapping
          std::iota(there.begin(), there.end(), 10);
          return 0;
        }) == 0);
  CHECK(std::vector(array.begin(), array.end()) == std::vector{10, 11, 12});
}

TEST_CASE("who is sent a read-only array cannot write it by any call") {
  Sent sent;
  const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
  sent.encode<SharedArray<const int>>(array.read_only());
  const int fd = sent.segments[0]->fd();
  CHECK_FALSE(sent.segments[0]->writable());
  CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  CHECK(errno == EACCES);
  CHECK(::pwrite(fd, "x", 1, 0) == -1);
  CHECK(errno == EBADF);
  CHECK(in_child([&] {
          Decoder decoder = sent.decoder();
          const auto there = decoder.value<SharedArray<const int>>();
          if (there[2] != 3) return 1;
          return ::mprotect(const_cast<int*>(there.data()), 4096, PROT_READ | PROT_WRITE) == -1 &&
                         errno == EACCES
                     ? 0
                     : 2;
        }) == 0);
  CHECK(in_child([&] {
          Decoder decoder = sent.decoder();
          const auto there = decoder.value<SharedArray<const int>>();
          *const_cast<volatile int*>(there.data()) = 4;
          return 0;
        }) == -SIGSEGV);
  array[2] = 30;
  Decoder decoder = sent.decoder();
  CHECK(decoder.value<SharedArray<const int>>()[2] == 30);
}

TEST_CASE("one memory has one id for those who write and one for those who read, each for ever") {
  const SharedArray<int> array(3), other(3);
  const auto id = [](const auto& sent_array) {
    Sent sent;
    sent.encode<std::remove_cvref_t<decltype(sent_array)>>(sent_array);
    return sent.segments.at(0)->id();
  };
  const std::set<std::uint64_t> ids{0, id(array), id(array.read_only()), id(other)};
  CHECK(ids.size() == 4);
  CHECK(id(array.slice(1, 1)) == id(array));
  CHECK(id(array.read_only().slice(1, 1)) == id(array.read_only()));
}

TEST_CASE("nobody who has a descriptor of it can change the size of shared memory") {
  Sent sent;
  const SharedArray<char> array(10000);
  sent.encode<SharedArray<char>>(array);
  const int fd = sent.segments[0]->fd();
  CHECK(::ftruncate(fd, 0) == -1);
  CHECK(errno == EPERM);
  CHECK(::ftruncate(fd, 1 << 20) == -1);
  CHECK(errno == EPERM);
  CHECK(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1);  // which would take the creator's own right to map it
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE(
    "memory that can be resized, is too small, or is none, is not adopted, and its descriptor is closed") {
  const auto refused = [](int fd, std::size_t bytes) {
    try {
      (void)Segment::adopt(1, fd, bytes, true);
      return false;
    } catch (const std::system_error&) {
      return ::fcntl(fd, F_GETFD) == -1;
    }
  };
  const int loose = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  REQUIRE(::ftruncate(loose, 4096) == 0);
  CHECK(refused(loose, 4096));
  const SharedArray<char> array(4096);
  Sent sent;
  sent.encode<SharedArray<char>>(array);
  CHECK(refused(::fcntl(sent.segments[0]->fd(), F_DUPFD_CLOEXEC, 0), 4097));
  CHECK_FALSE(refused(::fcntl(sent.segments[0]->fd(), F_DUPFD_CLOEXEC, 0), 4096));
  CHECK(refused(::open("/dev/null", O_RDWR | O_CLOEXEC), 0));
}

TEST_CASE("what was decoded keeps its memory, whatever becomes of the array that was sent") {
  SharedArray<int> there;
  {
    Sent sent;
    const auto array = SharedArray<int>::copy_of(std::array{1, 2, 3});
    sent.encode<SharedArray<int>>(array);
    Decoder decoder = sent.decoder();
    there = decoder.value<SharedArray<int>>();
  }
  CHECK(there[2] == 3);
}

TEST_CASE("a slice arrives as the same part") {
  Sent sent;
  SharedArray<double> array(100);
  std::iota(array.begin(), array.end(), 0.0);
  sent.encode<SharedArray<double>>(array.slice(40, 20));
  Decoder decoder = sent.decoder();
  const auto there = decoder.value<SharedArray<double>>();
  CHECK(there.size() == 20);
  CHECK(there[0] == 40);
  CHECK(there[19] == 59);
}

TEST_CASE(
    "a part that does not lie within its memory, between two elements, or in memory of its kind, is "
    "refused") {
  Sent sent;
  const SharedArray<double> array(10);
  sent.encode<SharedArray<double>>(array);
  sent.encode<SharedArray<const double>>(array);
  const std::uint64_t writable = sent.segments[0]->id(), readable = sent.segments[1]->id();
  struct Said {
    std::uint64_t id, offset, count, may_write;
  };
  const auto accepted = [&](Said said) {
    Sent::Finder finder(sent.segments);
    detail::SmallBuffer bytes;
    Encoder encoder(bytes);
    for (const std::uint64_t each : {said.id, said.offset, said.count, said.may_write}) encoder.count(each);
    Decoder decoder(bytes.view(), &finder);
    try {
      const auto there = decoder.value<SharedArray<double>>();
      CHECK(there.size() == said.count);
      return true;
    } catch (const DecodeError&) {
      return false;
    }
  };
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  CHECK(accepted({writable, 0, 10, 1}));
  CHECK(accepted({writable, 16, 8, 1}));
  CHECK(accepted({writable, 80, 0, 1}));
  CHECK_FALSE(accepted({kMost, 0, 10, 1}));
  CHECK_FALSE(accepted({writable, 0, 11, 1}));
  CHECK_FALSE(accepted({writable, 8, 10, 1}));
  CHECK_FALSE(accepted({writable, 88, 0, 1}));
  CHECK_FALSE(accepted({writable, 0, kMost, 1}));
  CHECK_FALSE(accepted({writable, 0, (kMost >> 3) + 2, 1}));  // 8 bytes, if the product wraps
  CHECK_FALSE(accepted({writable, kMost - 7, 1, 1}));
  CHECK_FALSE(accepted({writable, 4, 1, 1}));
  CHECK_FALSE(accepted({readable, 0, 10, 1}));
  CHECK_FALSE(accepted({writable, 0, 10, 0}));
  CHECK_FALSE(accepted({0, 0, 1, 1}));
  CHECK_FALSE(accepted({0, 8, 0, 1}));
  CHECK(accepted({0, 0, 0, 1}));

  detail::SmallBuffer bytes;
  Encoder(bytes, &sent.segments).value(array);
  CHECK_THROWS_AS((void)Decoder(bytes.view()).value<SharedArray<double>>(), DecodeError);  // nobody finds any
}

TEST_CASE("shared memory does not go where no descriptor can, such as into a result") {
  detail::SmallBuffer bytes;
  Encoder encoder(bytes);
  CHECK_THROWS_AS(encoder.value(SharedArray<int>(1)), NotTransportable);
  Sent sent;
  sent.encode<SharedArray<int>>(SharedArray<int>(1));
  Decoder decoder = sent.decoder();
  const auto there = decoder.value<SharedArray<int>>();  // as a function would return it
  CHECK_THROWS_AS(encoder.value(there), NotTransportable);
  CHECK_THROWS_AS(encoder.value(there.read_only()), NotTransportable);
}

}  // namespace drover::test
