// The functions that this worker can run, by name. Filled by static initialisers and plugins, then sealed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "worker/function.hpp"

namespace drover {

struct RegisteredFunction {
  std::string name;
  std::string parameters;
  FunctionThunk thunk = nullptr;
};

// Loads a shared object whose static initialisers register functions.
Status load_plugin(const std::string& path);
// All of them, sorted by name: a function's index here is its number in a lane.
const std::vector<RegisteredFunction>& registered_functions();

}  // namespace drover
