// Keeps what a command prints on one stream: up to kCapturedInMemory in memory, more than that in a spool
// file. What no file will take is read and counted, so the command never waits for a full disk. Never blocks
// but for the disk. Knows nothing of processes.
#pragma once

#include <cstdint>
#include <string>

#include "common/captured.hpp"
#include "common/result.hpp"
#include "worker/command/pipe.hpp"

namespace drover {

class OutputSink {
 public:
  explicit OutputSink(Pipe pipe) : pipe_(std::move(pipe)) {}

  [[nodiscard]] const Pipe& pipe() const { return pipe_; }
  // Takes some of what waits, so much that others have their turn soon. False: nothing was there.
  bool take();
  // Takes what waits now and no more: who else holds the pipe cannot keep us here.
  void take_rest();

  // From now on everything goes to this file, what is in memory too. Precondition: spool() < 0.
  void spool_to(UniqueFd file);
  [[nodiscard]] int spool() const { return spool_.get(); }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  // The last `most` bytes that were kept.
  [[nodiscard]] std::string last(std::size_t most) const;

  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  // Why something was lost. Precondition: lost() > 0.
  [[nodiscard]] const Error& loss() const { return loss_; }

  // Ends this sink.
  [[nodiscard]] CapturedStream take_captured();

 private:
  // Returns how much came, of at most `most` bytes.
  std::size_t copy_some(std::size_t most);
  void keep(std::string_view bytes);
  void write_to_spool(std::string_view bytes);

  Pipe pipe_;
  std::string head_;
  UniqueFd spool_;
  std::uint64_t size_ = 0;  // kept, wherever it is
  std::uint64_t lost_ = 0;
  Error loss_;
  bool refused_ = false;  // the disk has refused something: nothing after it is kept
};

}  // namespace drover
