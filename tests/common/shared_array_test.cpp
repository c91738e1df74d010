// Arrays in shared memory, for who has made them.
#include <drover/shared_array.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <system_error>
#include <thread>

#include "tests/common/shared_memory_fixture.hpp"

namespace drover::test {

TEST_CASE("a new shared array is zeros, and keeps what is written") {
  SharedArray<double> array(1000);
  CHECK(array.size() == 1000);
  CHECK(std::all_of(array.begin(), array.end(), [](double each) { return each == 0; }));
  array[999] = 7;
  CHECK(array.span().back() == 7);
  CHECK(SharedArray<int>::copy_of(std::array{1, 2, 3})[1] == 2);
}

TEST_CASE("what another process writes is seen here, and what is written here is seen there") {
  SharedArray<int> array(3);
  array[0] = 5;
  CHECK(in_child([&] {
          array[1] = array[0] + 1;
          return 0;
        }) == 0);
  CHECK(array[1] == 6);
}

TEST_CASE("a copy refers to the same elements, on any thread") {
  SharedArray<std::atomic<int>> counters(4);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&counters] {
      for (int round = 0; round < 10000; ++round) {
        const SharedArray<std::atomic<int>> copy = counters;
        copy[static_cast<std::size_t>(round) % 4].fetch_add(1);
      }
    });
  for (std::thread& each : threads) each.join();
  for (const std::atomic<int>& each : counters) CHECK(each == 10000);
}

TEST_CASE("what was moved from is empty") {
  auto array = SharedArray<int>::copy_of(std::array{1, 2});
  SharedArray<int> other = std::move(array);
  CHECK(array.empty());
  CHECK(array.data() == nullptr);
  array = other;
  CHECK(array.data() == other.data());
  other = std::move(array);
  CHECK(array.empty());
  CHECK(other[1] == 2);
}

TEST_CASE("a slice is a part of the same memory, and keeps it") {
  SharedArray<int> array(10);
  SharedArray<int> part = array.slice(2, 5).slice(1, 3);
  CHECK(part.data() == array.data() + 3);
  CHECK(part.size() == 3);
  CHECK(array.slice(10, 0).empty());
  CHECK_THROWS_AS((void)array.slice(11, 0), std::out_of_range);
  CHECK_THROWS_AS((void)array.slice(4, 7), std::out_of_range);
  CHECK_THROWS_AS((void)array.slice(1, std::numeric_limits<std::size_t>::max()), std::out_of_range);
  array = {};
  part[2] = 9;
  CHECK(part[2] == 9);
}

TEST_CASE("an array of no elements needs no memory, and can be sent") {
  const Footprint before;
  const SharedArray<int> none(0);
  CHECK(Footprint().descriptors == before.descriptors);
  Sent sent;
  sent.encode<SharedArray<int>>(none);
  CHECK(sent.segments.empty());
  Decoder decoder = sent.decoder();
  CHECK(decoder.value<SharedArray<int>>().empty());
  CHECK_NOTHROW(decoder.finish());
}

TEST_CASE("sizes that cannot be are refused with a sentence") {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(SharedArray<double>{kMost}, std::bad_array_new_length);
  CHECK_THROWS_AS(SharedArray<double>{kMost / 8 + 2}, std::bad_array_new_length);
  struct sysinfo machine {};
  REQUIRE(::sysinfo(&machine) == 0);
  const std::size_t more_than_there_is = (machine.totalram + machine.totalswap) * machine.mem_unit + 4096;
  try {
    const SharedArray<char> array(more_than_there_is);
    FAIL("so much memory was promised");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::not_enough_memory);
    CHECK(std::string(error.what()).find(std::to_string(more_than_there_is) + " bytes") != std::string::npos);
  }
}

TEST_CASE("an array beyond the limit of file sizes is refused, and the process lives") {
  CHECK(in_child([] {
          rlimit limit{1 << 20, 1 << 20};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
          try {
            const SharedArray<char> array((1 << 20) + 1);
          } catch (const std::system_error& error) {
            return error.code() == std::errc::file_too_large && SharedArray<char>(1 << 20).size() != 0 ? 0
                                                                                                       : 2;
          }
          return 3;
        }) == 0);
}

TEST_CASE("a large array costs only what is touched of it") {
  SharedArray<char> array(std::size_t{1} << 30);
  array[std::size_t{1} << 29] = 1;
  Sent sent;
  sent.encode<SharedArray<char>>(array);
  struct stat info {};
  REQUIRE(::fstat(sent.segments[0]->fd(), &info) == 0);
  CHECK(info.st_size == 1 << 30);
  CHECK(info.st_blocks * 512 <= 4 << 20);
}

TEST_CASE("the memory is gone with its last user, though one of them was killed") {
  const Footprint before;
  {
    SharedArray<int> array(1 << 20);
    Sent sent;
    sent.encode<SharedArray<int>>(array);
    sent.encode<SharedArray<const int>>(array.slice(5, 5));
    const auto there = sent.finder.find(sent.segments[0]->id());
    CHECK(there->data() != reinterpret_cast<std::byte*>(array.data()));
    const Footprint during;
    CHECK(during.descriptors == before.descriptors + 2);
    CHECK(during.mappings == before.mappings + 2);
    CHECK(in_child([&] {
            array[0] = 1;
            return ::raise(SIGKILL);
          }) == -SIGKILL);
    sent.segments.clear();
    CHECK(Footprint().mappings == before.mappings + 2);
    CHECK(array[0] == 1);
  }
  const Footprint after;
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.mappings == before.mappings);
}

}  // namespace drover::test
