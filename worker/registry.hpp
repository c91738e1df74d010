// The functions that this process can run. Filled by static initialisers and plugins, then sealed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <drover/function.hpp>

#include "common/result.hpp"

namespace drover {

// Of which functions a coordinator knows: of all, being the same program, or of those with names.
enum class KnownFunctions { All, Named };

struct RegisteredFunction {
  std::string name;                    // typed: "@BUILDID:OFFSET", see worker/image_name.hpp
  std::string parameters;              // named: for people
  FunctionThunk thunk = nullptr;       // named
  detail::TypedThunk typed = nullptr;  // the others
};

// Loads a shared object whose static initialisers register functions.
Status load_plugin(const std::string& path);
// All of them: the named ones sorted by name, then the typed ones likewise. A function's index here is its
// number in a lane. The first call seals the list: what registers itself later is not known.
const std::vector<RegisteredFunction>& registered_functions();
// As many from the beginning of the list.
std::size_t count_of(KnownFunctions known);

}  // namespace drover
