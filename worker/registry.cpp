#include "worker/registry.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace drover {
namespace {

std::vector<RegisteredFunction>& functions() {
  static std::vector<RegisteredFunction> list;  // first use is in static initialisation: no order to rely on
  return list;
}

}  // namespace

bool register_function(std::string name, std::string parameters, FunctionThunk thunk) {
  auto& list = functions();
  const auto at = std::lower_bound(
      list.begin(), list.end(), name,
      [](const RegisteredFunction& each, const std::string& key) { return each.name < key; });
  if (at != list.end() && at->name == name) {
    std::fprintf(stderr, "drover-worker: two functions are named %s; rename one of them\n", name.c_str());
    std::abort();
  }
  list.insert(at, {std::move(name), std::move(parameters), thunk});
  return true;
}

Status load_plugin(const std::string& path) {
  // A name without a slash would be searched in the library path; a plugin is a file.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) return Error{::dlerror(), {}, 0};
  return Nothing{};
}

const std::vector<RegisteredFunction>& registered_functions() {
  return functions();
}

}  // namespace drover
