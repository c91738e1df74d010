// Runs `drover` with workers of which each may have a fault: see tests/faulty/worker.cpp.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/e2e/test_space.hpp"

namespace drover::test {

inline std::string faulty_folder() {
  const char* folder = ::getenv("DROVER_FAULTY");
  REQUIRE_MESSAGE(folder != nullptr, "DROVER_FAULTY names no folder with the faulty worker and its drover");
  return folder;
}

// `fault`: of the workers that start; empty: none but what tasks ask for.
inline Program start_faulty(const TestSpace& space, const std::vector<std::string>& args, Start options,
                            const std::string& fault = {}) {
  if (!fault.empty()) options.env.emplace_back("DROVER_FAULT", fault);
  return space.start_program(faulty_folder() + "/drover", args, std::move(options));
}

inline Ran run_faulty(const TestSpace& space, const std::vector<std::string>& args, Start options,
                      const std::string& fault = {}) {
  return space.finish(start_faulty(space, args, std::move(options), fault));
}

}  // namespace drover::test
