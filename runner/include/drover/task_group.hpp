// Tasks that belong together: when one fails, the others are no longer wanted.
//
//   drover::TaskGroup group(coordinator);
//   for (const Shot& shot : shots) handles.push_back(group.submit<&render>(shot));
//   group.wait();          // throws what failed first; by then all the others have ended, too
//
// Any thread may submit and cancel; one waits.
#pragma once

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <drover/coordinator.hpp>

namespace drover {

namespace detail {

class GroupCore {
 public:
  GroupCore();
  ~GroupCore();
  GroupCore(const GroupCore&) = delete;
  GroupCore& operator=(const GroupCore&) = delete;

  void add(TaskRef task);
  [[nodiscard]] bool cancelled() const;
  void cancel();
  void wait();
  [[nodiscard]] std::vector<std::exception_ptr> errors() const;

 private:
  struct Shared;
  struct Node;
  std::shared_ptr<Shared> shared_;
};

}  // namespace detail

class TaskGroup {
 public:
  explicit TaskGroup(Coordinator& coordinator) : coordinator_(coordinator) {}
  // cancel(), then waits until all have ended: no task outlives its group.
  ~TaskGroup() = default;

  // As Coordinator::submit. In a group that has failed or was cancelled the task ends as Cancelled.
  template <auto F, class... A>
  TaskHandle<detail::ResultOf<F>> submit(const A&... args) {
    return submit_with<F>(SubmitOptions{}, args...);
  }
  template <auto F, class... A>
  TaskHandle<detail::ResultOf<F>> submit_with(const SubmitOptions& options, const A&... args) {
    auto handle = detail::CoordinatorAccess::submit<F>(coordinator_, !core_.cancelled(), options, args...);
    core_.add(detail::HandleAccess<detail::ResultOf<F>>::task(handle));
    return handle;
  }

  // Until all tasks have ended. Throws what the first one that failed ended with; the others were cancelled
  // then.
  void wait() { core_.wait(); }
  // Ends all that have not ended. wait() then throws Cancelled, if any task did not succeed.
  void cancel() { core_.cancel(); }
  // How those ended that did not succeed, in that order, but for those that were cancelled because of the
  // first.
  [[nodiscard]] std::vector<std::exception_ptr> errors() const { return core_.errors(); }

 private:
  Coordinator& coordinator_;
  detail::GroupCore core_;
};

}  // namespace drover
