// A library that crashes on some inputs: each crash costs its own task, and tells how it came about.
#include <drover/drover.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

int parse(int document) {
  if (document == 3) std::raise(SIGSEGV);  // stands for a bug in somebody else's code
  if (document == 5) std::exit(7);
  if (document == 6) throw std::invalid_argument("document 6 has no title");
  if (document == 8) {
    std::fprintf(stderr, "assertion failed: depth < 100\n");
    std::abort();
  }
  return document * 100;
}

int main(int argc, char** argv) {
  if (auto exit_code = drover::worker_main(argc, argv)) return *exit_code;
  drover::Coordinator coordinator({.workers = 2, .output = drover::FunctionOutput::Keep});

  int parsed = 0;
  std::vector<drover::TaskHandle<int>> documents;
  for (int document = 1; document <= 10; ++document)
    documents.push_back(
        coordinator.submit<&parse>(document, {.name = "document " + std::to_string(document)}));
  for (auto& document : documents) {
    try {
      parsed += document.get() != 0;
    } catch (const drover::WorkerDied& died) {
      const drover::WorkerAccount& account = died.account();
      std::cout << account.task_name
                << " took its worker along: " << (account.signal != 0 ? "signal " : "exit code ")
                << (account.signal != 0 ? account.signal : account.exit_code) << '\n';
      if (!died.stderr_tail().empty()) std::cout << "  its last words: " << died.stderr_tail();
    } catch (const std::invalid_argument& refused) {  // what a function throws comes back as itself
      std::cout << document.info().name << " was refused: " << refused.what() << '\n';
    }
  }
  std::cout << parsed << " parsed, " << coordinator.workers_lost() << " workers replaced\n";
}
