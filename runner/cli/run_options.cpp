// The options of `drover run`, their help and their aliases. In a file of its own: CLI11 compiles slowly.
#include <CLI/CLI.hpp>

#include "runner/cli/run_command.hpp"

namespace drover {

void add_run_options(CLI::App& app, RunWords& words) {
  app.add_option("JOBFILE", words.files,
                 "job files (.toml) or command lists, one command a line; '-': standard input")
      ->required();
  app.add_option("-j,--workers,--jobs,-P", words.workers,
                 "tasks at once: N, N%, +N or -N of the CPUs (default: one a CPU that this process may use)")
      ->type_name("N");
  app.add_flag("-k,--keep-order", words.keep_order,
               "output in task order; the first unfinished task's is live");
  app.add_option("--output", words.output, "group: a task's output at its end; line: live, whole lines; none")
      ->check(CLI::IsMember({"group", "line", "none"}))
      ->type_name("MODE");
  app.add_flag("--line-buffer", words.line_buffer, "the same as --output line");
  app.add_flag("--tag", words.tag, "the task's name and a tab before each line of output");
  app.add_option("--halt", words.halt, "when to end early: never, or now|soon,fail|success|done=N or N%")
      ->type_name("WHEN,WHY");
  app.add_option("--timeout", words.timeout,
                 "end an attempt that takes longer: 300ms, 10s, 1h30m; a bare number is seconds")
      ->type_name("TIME");
  app.add_option("--grace", words.grace, "between SIGTERM and SIGKILL when an attempt is ended (default 10s)")
      ->type_name("TIME");
  app.add_option("--retries", words.retries, "further attempts for a task that failed (default 0)")
      ->check(CLI::Range(0, 1'000'000))
      ->type_name("N");
  app.add_option("--shell", words.shell, "the shell for commands that need one (default /bin/sh)")
      ->type_name("PROGRAM");
  app.add_option("--plugin", words.plugins, "a shared object with functions for tasks; may be given again")
      ->type_name("FILE.so");
  app.add_option("--progress", words.progress,
                 "auto: a bar on a terminal, plain lines elsewhere; bar; plain; none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}))
      ->type_name("MODE");
  app.add_flag("--dry-run", words.dry_run, "print what would be run, in order, and run nothing");
  app.add_flag("--no-store", words.no_store, "keep no record of the run (this version never keeps one)");
  app.footer(
      "Exit status: 0 every task succeeded; 1 some did not; 2 the command line or job file is wrong and "
      "nothing was run;\n"
      "3 drover itself failed; ended by a signal: that signal.\n"
      "Examples:\n"
      "  printf 'echo a\\nexit 3\\necho b\\n' | drover run -k -\n"
      "  drover run -j 4 --timeout 10m --retries 1 jobs.toml");
}

}  // namespace drover
