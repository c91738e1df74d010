// How a user's Options become the engine's.
#pragma once

#include <drover/coordinator.hpp>

#include "runner/pool/engine.hpp"

namespace drover::detail {

// `image` stays the caller's, as long as the engine.
[[nodiscard]] EngineOptions engine_options(const Options& options, int image);

}  // namespace drover::detail
