// Sanitizers take memory and signals for themselves: what tests say of these holds only without them.
#pragma once

namespace drover::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace drover::test
