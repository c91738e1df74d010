#include <drover/coordinator.hpp>

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include <drover/worker_main.hpp>

#include "runner/library/pool.hpp"

namespace drover {

Coordinator::Coordinator(const Options& options) {
  if (detail::started_as_worker() && !detail::worker_main_called()) {
    std::fputs(
        "drover: this process was started as a worker, but makes a Coordinator before it has called "
        "drover::worker_main(argc, argv); call that first in main\n",
        stderr);
    ::_exit(3);
  }
  if (options.worker_program.empty() && !detail::worker_main_called())
    throw CoordinatorFailed(
        "drover: this program is its own worker, so its main must call drover::worker_main(argc, argv) "
        "before it makes a Coordinator");
  pool_ = detail::Pool::start(options);
}

Coordinator::~Coordinator() {
  if (detail::forked(pool_->number())) {
    // Neither its thread nor its keeper is ours, and others may have held its locks: it is left as it is.
    (void)new (std::nothrow) std::shared_ptr<detail::Pool>(std::move(pool_));
    return;
  }
  // A count greater than at construction would tell more; who destroys it while unwinding wants it gone.
  pool_->shutdown(std::uncaught_exceptions() != 0 ? Pending::Cancel : Pending::Finish);
}

bool Coordinator::hand_over(const detail::TaskRef& task, bool wait) {
  task->references.fetch_add(1, std::memory_order_relaxed);  // the pool's
  try {
    if (pool_->submit(task.get(), wait)) return true;
  } catch (...) {
    detail::TaskRef::drop(task.get());
    throw;
  }
  detail::TaskRef::drop(task.get());
  return false;
}

TaskHandle<void> Coordinator::broadcast_task(detail::TaskRef task) {
  pool_->broadcast(task);
  return detail::HandleAccess<void>::make(std::move(task));
}

detail::MapSource Coordinator::map_source() {
  return {pool_, pool_->workers()};
}

void Coordinator::shutdown(Pending pending) {
  pool_->shutdown(pending);
}

bool detail::CoordinatorAccess::on_room(Coordinator& coordinator, const Task& task,
                                        std::function<void()> when_room) {
  return coordinator.pool_->on_room(task, std::move(when_room));
}

unsigned Coordinator::workers() const {
  return pool_->workers();
}

std::uint64_t Coordinator::workers_lost() const {
  return pool_->workers_lost();
}

std::vector<int> Coordinator::worker_pids() const {
  return pool_->worker_pids();
}

}  // namespace drover
