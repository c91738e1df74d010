// What coordinator and keeper say to each other, over one SOCK_SEQPACKET pair. One message a packet, each of
// a fixed size; descriptors travel beside it. The receiver believes nothing: size, magic, version and every
// count are checked.
//
//   coordinator -> keeper   StartWorker  + the worker's descriptors
//   keeper -> coordinator   Started      + the worker's pidfd      answers StartWorker
//                           StartFailed                            answers StartWorker
//                           Exited                                 once for each Started, after the burial
#pragma once

#include <cstdint>
#include <type_traits>

#include "common/ids.hpp"
#include "common/outcome.hpp"
#include "common/packet.hpp"

namespace drover {

// Where a keeper finds its descriptors when it starts.
inline constexpr int kKeeperControlFd = 3;      // its end of the socket pair
inline constexpr int kKeeperCoordinatorFd = 4;  // a pidfd of the coordinator
inline constexpr int kKeeperImageFd = 5;        // the workers' program, when it is given by a descriptor

enum class KeeperMessage : std::uint16_t { StartWorker = 1, Started = 2, StartFailed = 3, Exited = 4 };

struct KeeperHeader {
  static constexpr std::uint32_t kMagic = 0x6b767264;  // "drvk"
  static constexpr std::uint16_t kVersion = 1;

  std::uint32_t magic = kMagic;
  std::uint16_t version = kVersion;
  KeeperMessage type{};
};

struct StartWorkerMessage {
  static constexpr KeeperMessage kType = KeeperMessage::StartWorker;
  static constexpr std::size_t kMaxArgBytes = 4096;

  KeeperHeader header{.type = kType};
  WorkerId id = 0;                           // not 0, not in use
  std::uint32_t fd_count = 0;                // as many descriptors come beside the message
  std::uint32_t arg_count = 0;               // at least 1: argv[0]
  std::uint32_t arg_bytes = 0;               // arg_count strings, each ended by a NUL
  std::int32_t targets[kMaxPacketFds] = {};  // the number that each descriptor gets in the worker
  char args[kMaxArgBytes] = {};
};

struct StartedMessage {
  static constexpr KeeperMessage kType = KeeperMessage::Started;

  KeeperHeader header{.type = kType};
  WorkerId id = 0;
  std::int32_t pid = 0;
};

struct StartFailedMessage {
  static constexpr KeeperMessage kType = KeeperMessage::StartFailed;

  KeeperHeader header{.type = kType};
  WorkerId id = 0;        // 0: the request was too broken to tell
  std::int32_t code = 0;  // errno
  char text[248] = {};    // NUL-terminated, for people
};

struct ExitedMessage {
  static constexpr KeeperMessage kType = KeeperMessage::Exited;

  KeeperHeader header{.type = kType};
  WorkerId id = 0;
  std::int32_t status = 0;          // as wait4 gave it
  Usage usage;                      // the worker and all children that it reaped
  std::uint32_t unkillable = 0;     // processes that it left and that SIGKILL did not end in time
  char unkillable_names[252] = {};  // NUL-terminated: "1234 (tar), 1235 (cp)", as many as fit
};

static_assert(std::is_trivially_copyable_v<StartWorkerMessage> && sizeof(StartWorkerMessage) == 4184);
static_assert(std::is_trivially_copyable_v<StartedMessage> && sizeof(StartedMessage) == 16);
static_assert(std::is_trivially_copyable_v<StartFailedMessage> && sizeof(StartFailedMessage) == 264);
static_assert(std::is_trivially_copyable_v<ExitedMessage> && sizeof(ExitedMessage) == 328);

// Copies the packet into `message` when it is a whole one of that type and version.
template <class Message>
[[nodiscard]] bool read_message(std::span<const std::byte> bytes, Message& message) {
  if (bytes.size() != sizeof message) return false;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message.header.magic == KeeperHeader::kMagic && message.header.version == KeeperHeader::kVersion &&
         message.header.type == Message::kType;
}

template <class Message>
[[nodiscard]] std::span<const std::byte> bytes_of(const Message& message) {
  return std::as_bytes(std::span(&message, 1));
}

// Fills the whole field, cuts what does not fit.
template <std::size_t N>
void write_text(char (&field)[N], std::string_view text) {
  const std::size_t size = text.size() < N ? text.size() : N - 1;
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), size);
}

// Trusts no terminator.
template <std::size_t N>
[[nodiscard]] std::string read_text(const char (&field)[N]) {
  return std::string(field, ::strnlen(field, N));
}

}  // namespace drover
