#include "runner/pool/poller.hpp"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>

namespace drover {

Result<Poller> Poller::create() {
  Poller poller;
  poller.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!poller.epoll_) return last_error("epoll_create1");
  return poller;
}

Status Poller::watch(int fd, Trigger trigger, std::function<void()> handler) {
  auto watched = std::make_unique<Watched>(Watched{fd, std::move(handler)});
  epoll_event event{};
  event.events = EPOLLIN | (trigger == Trigger::Edge ? static_cast<std::uint32_t>(EPOLLET) : 0U);
  event.data.ptr = watched.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return last_error("watch a descriptor");
  watched_[fd] = std::move(watched);
  return Nothing{};
}

void Poller::also_for_room(int fd, bool wanted) {
  const auto at = watched_.find(fd);
  if (at == watched_.end()) return;
  epoll_event event{};
  event.events = EPOLLIN | static_cast<std::uint32_t>(EPOLLET) | (wanted ? EPOLLOUT : 0U);
  event.data.ptr = at->second.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::forget(int fd) {
  if (const auto at = watched_.find(fd); at != watched_.end()) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    at->second->fd = -1;
    forgotten_.push_back(std::move(at->second));
    watched_.erase(at);
  }
}

void Poller::wait(std::optional<Instant> deadline) {
  epoll_event events[32];
  timespec limit{};
  if (deadline) {
    const Duration left = std::max(*deadline - now(), Duration(0));
    limit.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
    limit.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
  }
  const int ready =
      ::epoll_pwait2(epoll_.get(), events, std::size(events), deadline ? &limit : nullptr, nullptr);
  for (int i = 0; i < ready; ++i) {
    const auto* watched = static_cast<const Watched*>(events[i].data.ptr);
    if (watched->fd >= 0) watched->handler();
  }
  forgotten_.clear();
}

}  // namespace drover
