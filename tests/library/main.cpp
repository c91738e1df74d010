// This test program is its own worker.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <drover/worker_main.hpp>

int main(int argc, char** argv) {
  if (const auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  return doctest::Context(argc, argv).run();
}
