// Boost.Interprocess message_queue between processes. Its name is removed as soon as it exists: the processes
// are forks and share the mapping, so nothing stays in /dev/shm whatever is killed.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdint>
#include <vector>

#include "common/clock.hpp"
#include "tests/bench/helper_process.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/peers.hpp"
#include "tests/bench/trips.hpp"

namespace drover::bench {
namespace {

namespace ipc = boost::interprocess;

constexpr unsigned kReceivers = 2;
constexpr unsigned kMessages = 1'000'000;
constexpr unsigned kInFlight = 1024;  // less than a queue holds: then no sender can block another for ever
using Message = std::array<char, 64>;
enum Priority : unsigned { kStop, kTask };  // the queue hands out tasks before stops

class Queue {
 public:
  explicit Queue(const char* role)
      : name_(fmt::format("drover-bench-{}-{}", ::getpid(), role)),
        queue_(ipc::create_only, name_.c_str(), 4096, 64) {
    ipc::message_queue::remove(name_.c_str());
  }

  void send(unsigned priority) {
    const Message message{};
    queue_.send(message.data(), message.size(), priority);
  }
  // Blocks; returns the priority.
  unsigned receive() {
    Message message;
    ipc::message_queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(message.data(), message.size(), size, priority);
    return priority;
  }

 private:
  std::string name_;
  ipc::message_queue queue_;
};

std::vector<HelperProcess> start_receivers(Queue& tasks, Queue* results) {
  std::vector<HelperProcess> receivers;
  for (unsigned receiver = 0; receiver < kReceivers; ++receiver) {
    receivers.emplace_back([&tasks, results] {
      while (tasks.receive() == kTask) {
        if (results != nullptr) results->send(kTask);
      }
    });
  }
  return receivers;
}

Sample rate_since(std::uint64_t begin) {
  return {kMessages / (static_cast<double>(now_ns() - begin) / 1e9), 0};
}

}  // namespace

Side message_queue_with_results() {
  const auto sampler = [] {
    Queue tasks("tasks");
    Queue results("results");
    const auto receivers = start_receivers(tasks, &results);
    const std::uint64_t begin = now_ns();
    unsigned sent = 0;
    for (unsigned received = 0; received < kMessages; ++received) {
      for (; sent < kMessages && sent - received < kInFlight; ++sent) tasks.send(kTask);
      results.receive();
    }
    return rate_since(begin);
  };
  return {"message_queue, results back", sampler, ""};
}

Side message_queue_one_way() {
  const auto sampler = [] {
    Queue tasks("tasks");
    auto receivers = start_receivers(tasks, nullptr);
    const std::uint64_t begin = now_ns();
    for (unsigned sent = 0; sent < kMessages; ++sent) tasks.send(kTask);
    for (unsigned receiver = 0; receiver < kReceivers; ++receiver) tasks.send(kStop);
    for (HelperProcess& receiver : receivers) receiver.wait_until_ended();
    return rate_since(begin);
  };
  return {"message_queue, one way", sampler, ""};
}

Side message_queue_round_trip(int here, int there) {
  const auto sampler = [=] {
    Queue forth("forth");
    Queue back("back");
    const HelperProcess partner([&] {
      if (there >= 0) pin_to(there);
      while (true) back.send(forth.receive());
    });
    if (here >= 0) pin_to(here);
    return sample_of(time_trips([&] {
      forth.send(kTask);
      back.receive();
    }));
  };
  return {"message_queue, one each way", sampler, ""};
}

}  // namespace drover::bench
