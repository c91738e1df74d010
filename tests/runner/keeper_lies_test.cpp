// A keeper that breaks the protocol harms nobody but itself.
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "common/keeper_protocol.hpp"
#include "tests/runner/keeper_client_fixture.hpp"

using namespace drover;
using namespace drover::test;

namespace {

// A keeper that says what it is told to, whatever it is asked. A script, as its first argument is --keeper.
class LyingKeeper {
 public:
  explicit LyingKeeper(const std::vector<std::string>& messages, const std::string& last = "") {
    REQUIRE(::mkdtemp(folder_) != nullptr);
    std::ofstream script(path());
    script << "#!/bin/sh\n";
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::string name = folder_ + ("/" + std::to_string(i));
      std::ofstream(name, std::ios::binary) << messages[i];
      script << "cat " << name << " >&3\n";  // one write, so one packet
      files_.push_back(name);
    }
    script << last << "\nexec sleep 1000\n";
    script.close();
    ::chmod(path().c_str(), 0700);
    files_.push_back(path());
  }
  ~LyingKeeper() {
    for (const auto& each : files_) ::unlink(each.c_str());
    ::rmdir(folder_);
  }
  [[nodiscard]] std::string path() const { return folder_ + std::string("/keeper"); }

 private:
  char folder_[32] = "/tmp/drover-keeper-XXXXXX";
  std::vector<std::string> files_;
};

template <class Message>
std::string packet(Message message, WorkerId id) {
  message.id = id;
  return std::string(reinterpret_cast<const char*>(&message), sizeof message);
}

std::string started(WorkerId id) {
  StartedMessage message;
  message.pid = 1;
  return packet(message, id);
}

}  // namespace

TEST_CASE("a keeper that lies is killed") {
  StartedMessage other_version;
  other_version.header.version = 99;
  other_version.pid = 1;
  StartedMessage no_pid;
  StartWorkerMessage request;
  const std::pair<const char*, std::vector<std::string>> lies[] = {
      {"garbage", {"garbage"}},
      {"too short", {started(1).substr(0, 12)}},
      {"too long", {std::string(10'000, 'x')}},
      {"another version", {packet(other_version, 1)}},
      {"a request", {packet(request, 1)}},
      {"no pid", {packet(no_pid, 1)}},
      {"a start that nobody asked for", {started(2)}},
      {"an exit of a worker that was not started", {packet(ExitedMessage{}, 1)}},
      {"a failure of a worker that nobody asked for", {packet(StartFailedMessage{}, 2)}},
      {"a start told twice", {started(1), started(1)}},
      {"an exit told twice", {started(1), packet(ExitedMessage{}, 1), packet(ExitedMessage{}, 1)}},
  };
  for (const auto& lie : lies) {
    const auto& messages = lie.second;
    CAPTURE(lie.first);
    const LyingKeeper keeper(messages);
    KeeperClient::Options options = shell_workers();
    options.keeper_program = keeper.path();
    KeeperClient client = start(options);
    const Pipe pipe;
    REQUIRE(start_script(client, 1, kWait, pipe).ok());
    for (std::size_t honest = 1; honest < messages.size(); ++honest) next_event(client);
    wait_until_readable(client.fd());
    CHECK(!client.next_event());
    wait_until_readable(client.pidfd());
    CHECK(!is_readable(client.fd(), 0));
    CHECK(start_script(client, 2, kWait, pipe).error().code == EPIPE);
  }
  check_no_child_left();
}

TEST_CASE("a keeper that hangs up and lives on is killed") {
  const LyingKeeper keeper({}, "exec 3>&-");
  KeeperClient::Options options = shell_workers();
  options.keeper_program = keeper.path();
  KeeperClient client = start(options);
  wait_until_readable(client.fd());
  CHECK(!client.next_event());
  wait_until_readable(client.pidfd());
}
