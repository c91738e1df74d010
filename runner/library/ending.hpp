// How tasks end: what is told of them, and to whom.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <drover/detail/task.hpp>

#include "common/report.hpp"

namespace drover::detail {

[[nodiscard]] TaskStatus status_of(OutcomeKind kind);
void fill_failure(Failure& failure, Report& report);
// The last 64 KiB of what was printed.
[[nodiscard]] std::string last_of(const CapturedStream& stream);
// All of it, or as much as the reader takes.
void write_all(int fd, const CapturedStream& stream);
// Precondition: the task has ended and somebody follows it.
void tell_followers(Task& task);
void wake_all(std::atomic<std::uint32_t>& word);

}  // namespace drover::detail
