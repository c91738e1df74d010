#include "common/lane_message.hpp"

#include <sys/socket.h>

#include <cstring>

#include "common/check.hpp"

namespace drover {

Status send_message(int socket, const LaneMessage& message, const int* fds, std::size_t fd_count, Wait wait) {
  DROVER_CHECK(fd_count <= kMostDescriptors);
  iovec part{const_cast<LaneMessage*>(&message), sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostDescriptors)] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd_count != 0) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    std::memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
  }
  const int flags = MSG_NOSIGNAL | (wait == Wait::No ? MSG_DONTWAIT : 0);
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, flags);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return last_error("send to the other side of a lane");
  return Nothing{};
}

Result<std::optional<ReceivedMessage>> receive_message(int socket, Wait wait) {
  ReceivedMessage received;
  iovec part{&received.message, sizeof received.message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostDescriptors)];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (wait == Wait::No ? MSG_DONTWAIT : 0));
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return std::optional<ReceivedMessage>();
  if (got == 0) return Error{"receive from the other side of a lane", "it is gone", ECONNRESET};
  if (got < 0) return last_error("receive from the other side of a lane");
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
  if (static_cast<std::size_t>(got) != sizeof received.message ||
      (header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
    return Error{"receive from the other side of a lane", "a malformed message", EPROTO};
  return std::optional<ReceivedMessage>(std::move(received));
}

}  // namespace drover
