// The command `drover`: verbs are in files of their own.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string_view>

#include "runner/cli/run_command.hpp"

namespace {

// As if the signal had ended us at once: the parent sees which one it was.
[[noreturn]] void die_of(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  std::_Exit(128 + signal);
}

// In any thread. The keeper ends all that runs.
[[noreturn]] void refuse_without_memory() {
  constexpr std::string_view kWords = "drover: no memory is left; what ran is ended\n";
  (void)!::write(STDERR_FILENO, kWords.data(), kWords.size());
  std::_Exit(3);
}

// `drover run … >&-`: what we open must not land on the descriptors that output goes to.
void secure_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) (void)!::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
}

drover::VerbEnd run_verb(int argc, char** argv) {
  CLI::App app("drover runs tasks on every core of this machine, each in a process of its own.", "drover");
  app.set_version_flag("--version", "drover 0.1.0");
  app.require_subcommand(1);
  app.footer("Example: seq 1 100 | sed 's/^/factor /' | drover run -k -");
  drover::RunWords words;
  CLI::App* run = app.add_subcommand("run", "run job files and command lists");
  drover::add_run_options(*run, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return {app.exit(asked), 0};
  } catch (const CLI::ParseError& mistake) {
    std::fprintf(stderr, "drover: %s; see `drover%s --help`\n", mistake.what(), run->parsed() ? " run" : "");
    return {drover::kUsage, 0};
  }
  return drover::run_job(words);
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(refuse_without_memory);
  secure_standard_descriptors();
  drover::VerbEnd end;
  try {
    end = run_verb(argc, argv);
  } catch (const std::exception& failure) {  // no memory, or a library that gave up
    std::fprintf(stderr, "drover: %s\n", failure.what());
    end.status = drover::kBroken;
  }
  if (end.signal != 0) die_of(end.signal);
  return end.status;
}
