#include "worker/command/command_outcome.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace drover {
namespace {

constexpr int kNotFound = 127, kNotExecutable = 126;
constexpr std::size_t kMostShown = 300;

std::string shown(std::string_view name) {
  if (name.empty()) return "''";
  std::string text(name.substr(0, kMostShown));
  if (name.size() > kMostShown) text += "...";
  return text;
}

bool is_not_found(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ENAMETOOLONG;
}

// As the child saw it: relative to the command's folder.
std::string as_seen_there(const Command& command) {
  const std::string& program = command.argv.front();
  return command.cwd.empty() || program.starts_with('/') ? program : command.cwd + "/" + program;
}

std::string why_not_executed(const Command& command, const ChildImage& image, int code) {
  const std::string& program = command.argv.front();
  const std::string name = shown(program);
  const bool is_path = program.find('/') != std::string::npos;
  struct stat found = {};
  const bool exists = is_path && ::stat(as_seen_there(command).c_str(), &found) == 0;
  if (code == ENOENT && exists) return name + ": the interpreter or loader that it names was not found";
  if (is_not_found(code)) return name + ": not found";
  if (code == EACCES && exists && S_ISDIR(found.st_mode)) return name + ": is a directory";
  if (code == EACCES) return name + ": not executable";
  if (code == E2BIG) {
    return name + ": the arguments and the environment are too long for the system (" +
           std::to_string(image.bytes()) + " bytes); pass them in a file or by stdin";
  }
  return name + ": " + std::strerror(code);
}

}  // namespace

void add_note(Outcome& outcome, std::string_view note) {
  if (!outcome.message.empty()) outcome.message += "; ";
  for (const char each : note) {
    const bool is_control = static_cast<unsigned char>(each) < ' ' || each == '\x7f';
    outcome.message += is_control ? '?' : each;
  }
}

Outcome outcome_of(int wait_status, StopReason reason) {
  Outcome outcome;
  if (WIFSIGNALED(wait_status)) {
    outcome.kind = OutcomeKind::Signaled;
    outcome.signal = WTERMSIG(wait_status);
    outcome.core_dumped = WCOREDUMP(wait_status);
  } else {
    outcome.exit_code = WEXITSTATUS(wait_status);
    outcome.kind = outcome.exit_code == 0 ? OutcomeKind::Succeeded : OutcomeKind::Failed;
  }
  if (reason == StopReason::Timeout) outcome.kind = OutcomeKind::TimedOut;
  if (reason == StopReason::Request) outcome.kind = OutcomeKind::Cancelled;
  return outcome;
}

Outcome could_not_start(std::string_view why) {
  Outcome outcome;
  outcome.kind = OutcomeKind::CouldNotStart;
  outcome.start_ns = now_ns();
  outcome.exit_code = kNotExecutable;
  add_note(outcome, why);
  return outcome;
}

Outcome could_not_start(const Command& command, const ChildImage& image, Refusal refusal) {
  switch (refusal.step) {
    case StartStep::Exec: {
      Outcome outcome = could_not_start(why_not_executed(command, image, refusal.code));
      if (is_not_found(refusal.code)) outcome.exit_code = kNotFound;
      return outcome;
    }
    case StartStep::Folder:
      return could_not_start("cwd " + shown(command.cwd) + ": " + std::strerror(refusal.code));
    case StartStep::Parent:
      return could_not_start("the worker has ended");
    case StartStep::None:
    case StartStep::Clone:
    case StartStep::Session:
    case StartStep::Descriptors:
      break;
  }
  return could_not_start(std::string("no process could be started: ") + std::strerror(refusal.code));
}

}  // namespace drover
