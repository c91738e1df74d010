// A host that ends in the middle of everything, with handles and Coordinators wherever they may be.
//   leave FIFO return|exit|thread|quick|abrupt|throw|static
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <drover/drover.hpp>
#include <drover/worker_main.hpp>

#include "tests/library_programs/host.hpp"

namespace {

using drover::test::expect;

int twice(int number) {
  return 2 * number;
}
int for_ever(std::string fifo) {
  const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  expect(::write(fd, "up\n", 3) == 3, "said");
  for (;;) ::pause();
}

// Destroyed after main, in this order: handles, then the Coordinator that was made after them, and the other
// way round.
std::unique_ptr<drover::Coordinator> first;
std::vector<drover::TaskHandle<int>> handles;
std::unique_ptr<drover::Coordinator> second;
drover::Coordinator* volatile never_destroyed = nullptr;

}  // namespace

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  expect(argc == 3, "two arguments");
  const std::string fifo = argv[1];
  const std::string_view way = argv[2];
  first = std::make_unique<drover::Coordinator>(drover::Options{.workers = 1});
  second = std::make_unique<drover::Coordinator>(drover::Options{.workers = 1});
  for (int i = 0; i < 10; ++i) {
    handles.push_back(first->submit<&twice>(i));
    handles.push_back(second->submit<&twice>(i));
    handles.push_back(
        second->submit<&twice>(i).then([](drover::TaskHandle<int> task) { return task.get(); }));
  }
  if (way == "static") return 0;
  auto running = first->submit<&for_ever>(fifo);
  char byte = 0;
  expect(::read(STDIN_FILENO, &byte, 1) == 1, "told to go");
  if (way == "return") {
    never_destroyed = first.release();
    return 7;
  }
  if (way == "exit") {
    (void)first.release();
    std::exit(7);
  }
  if (way == "thread") {
    (void)first.release();
    std::thread([] { std::exit(7); }).join();
  }
  if (way == "quick") std::quick_exit(7);
  if (way == "abrupt") ::_exit(7);
  throw std::runtime_error("nobody catches this");
}
