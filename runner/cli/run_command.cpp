#include "runner/cli/run_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "common/launch.hpp"
#include "runner/job_run.hpp"
#include "runner/jobfile/duration.hpp"
#include "runner/jobfile/function_check.hpp"
#include "runner/jobfile/job_format.hpp"
#include "runner/jobfile/line_source.hpp"
#include "runner/jobfile/toml_reader.hpp"
#include "runner/jobfile/worker_count.hpp"
#include "runner/pool/cpus.hpp"

namespace drover {
namespace {

void complain(const std::string& text) {
  std::fprintf(stderr, "drover: %s\n", text.c_str());
}

std::string own_folder() {
  std::string path(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return path.substr(0, path.rfind('/'));
}

// Everything that a descriptor has to give.
std::optional<std::string> read_all(int fd, std::string bytes = {}) {
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
}

// Asks a worker which functions it knows: loading a plugin may crash, and must not crash us.
Result<std::vector<std::string>> ask_functions(const std::string& worker,
                                               const std::vector<std::string>& plugins) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return last_error("pipe");
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  LaunchOptions options;
  options.program = worker;
  options.args = {"drover-worker", "--functions"};
  for (const std::string& plugin : plugins) options.args.insert(options.args.end(), {"--plugin", plugin});
  options.pass = {{to.get(), 1}};
  options.null_stdin = true;
  options.death_signal = SIGKILL;
  auto child = launch(options);
  if (!child) return child.error();
  to.reset();
  const auto text = read_all(from.get());
  int status = 0;
  while (::waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error{"load the plugins", WIFSIGNALED(status) ? "a worker that loads them crashes" : "see above",
                 0};
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = text->find('\n', begin);
    const std::string line = text->substr(begin, end - begin);
    names.push_back(line.substr(0, line.find('(')));
    begin = end == std::string::npos ? text->size() : end + 1;
  }
  return names;
}

class RunPreparation {
 public:
  explicit RunPreparation(const RunWords& words) : words_(words) {}

  VerbEnd go() {
    if (!read_words()) return {kUsage, 0};
    if (!open_input()) return {kUsage, 0};
    if (source_) {
      if (words_.dry_run) return show_stream();
      return run(std::move(source_));
    }
    if (words_.dry_run) return show_job();
    return run(std::move(job_.tasks));
  }

 private:
  // --- the command line

  bool read_words() {
    bool good = true;
    const auto wrong = [&](const char* option, const std::string& why) {
      complain(fmt::format("{}: {}", option, why));
      good = false;
    };
    if (!words_.timeout.empty()) {
      if (auto timeout = parse_duration(words_.timeout); timeout)
        job_options_.timeout = *timeout;
      else
        wrong("--timeout", timeout.mistake());
    }
    if (!words_.grace.empty()) {
      if (auto grace = parse_duration(words_.grace); grace)
        job_options_.grace = *grace;
      else
        wrong("--grace", grace.mistake());
    }
    if (words_.retries >= 0) job_options_.retries = static_cast<std::uint32_t>(words_.retries);
    if (!words_.shell.empty()) {
      job_options_.shell = words_.shell;
      job_options_.shell_given = true;
    }
    cpus_ = usable_cpus();
    if (!words_.workers.empty()) {
      if (auto workers = parse_worker_count(words_.workers, cpus_); workers)
        workers_ = *workers;
      else
        wrong("-j", workers.mistake());
    }
    if (!words_.halt.empty()) {
      if (auto halt = parse_halt(words_.halt); halt)
        halt_ = *halt;
      else
        wrong("--halt", halt.mistake());
    }
    for (const std::string& plugin : words_.plugins)
      if (::access(plugin.c_str(), R_OK) != 0) wrong("--plugin", last_error("open", plugin).text());
    return good;
  }

  // --- the job

  bool open_input() {
    if (words_.files.size() > 1) {
      complain(
          "several job files in one run are not supported by this version; run them one after the other");
      return false;
    }
    const std::string& name = words_.files.front();
    int fd = 0;
    UniqueFd owned;
    if (name != "-") {
      owned = UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
      fd = owned.get();
      if (!owned) {
        complain(fmt::format("{}: {}; give a job file, or - for standard input", name, std::strerror(errno)));
        return false;
      }
    }
    JobFormat format = name == "-" ? JobFormat::List : format_of(name);
    if (format == JobFormat::JsonLines || format == JobFormat::CompileCommands) {
      complain(fmt::format("{}: this version reads .toml files and command lists", name));
      return false;
    }
    std::string begun;
    if (name == "-" && !peek(fd, begun, format)) return false;
    if (format == JobFormat::Toml) return read_job(fd, std::move(begun), name);
    if (owned)
      source_ = std::make_unique<LineSource>(std::move(owned), name, job_options_, std::move(begun));
    else
      source_ = std::make_unique<LineSource>(fd, name, job_options_, std::move(begun));
    return true;
  }

  // Reads as much of standard input as it takes to see its language: the first line that says something.
  bool peek(int fd, std::string& begun, JobFormat& format) {
    for (bool at_end = false;;) {
      if (const auto line = first_written_line(begun, at_end); line) {
        if (looks_like_toml(*line)) format = JobFormat::Toml;
        return true;
      }
      char buffer[16 * 1024];
      const ssize_t n = ::read(fd, buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        complain(fmt::format("standard input: {}", std::strerror(errno)));
        return false;
      }
      begun.append(buffer, static_cast<std::size_t>(n));
      at_end = n == 0 || begun.size() > 4 * LineSource::kLongestLine;
    }
  }

  bool read_job(int fd, std::string begun, const std::string& name) {
    const auto text = read_all(fd, std::move(begun));
    if (!text) {
      complain(fmt::format("{}: {}", name, std::strerror(errno)));
      return false;
    }
    std::vector<Diagnostic> mistakes;
    read_toml(*text, name, job_options_, job_, mistakes);
    if (!job_.functions.empty()) {
      auto known = ask_functions(worker_program(), words_.plugins);
      if (!known) {
        complain(known.error().text());
        return false;
      }
      check_functions(job_, name, *known, mistakes);
      functions_ = std::move(known.value());
    }
    for (const Diagnostic& mistake : mistakes) std::fprintf(stderr, "%s\n", format(mistake).c_str());
    if (!mistakes.empty()) return false;
    if (job_.workers && words_.workers.empty()) {
      if (auto workers = parse_worker_count(*job_.workers, cpus_); workers) workers_ = *workers;
    }
    if (job_.halt && words_.halt.empty()) halt_ = *job_.halt;
    return true;
  }

  [[nodiscard]] static std::string worker_program() { return own_folder() + "/drover-worker"; }

  // --- dry run

  static void show(const TaskSpec& task, TaskId id) {
    std::string text = task.text;
    if (task.kind == TaskKind::Function) {
      text = task.function + "(";
      for (std::size_t i = 0; i < task.args.size(); ++i)
        text += (i == 0 ? "" : ", ") +
                std::visit([](const auto& value) { return fmt::format("{}", value); }, task.args[i]);
      text += ")";
    }
    std::printf("%s%s%s\n", task.name.empty() ? "" : task.shown_name(id).c_str(),
                task.name.empty() ? "" : "\t", text.c_str());
  }

  // Every task after those that it needs, otherwise in file order.
  VerbEnd show_job() {
    Plan plan;
    std::vector<Action> ignored;
    for (const TaskSpec& task : job_.tasks)
      plan.add({.kind = TaskKind::Command, .after = task.after}, ignored);
    plan.input_ended(ignored);
    while (const auto next = plan.take_ready(TaskKind::Command, 1)) {
      show(job_.tasks[next->first - 1], next->first);
      (void)plan.on_succeeded(next->first, 1, next->attempt, ignored);
    }
    return {};
  }

  VerbEnd show_stream() {
    TaskSpec task;
    Diagnostic mistake;
    for (TaskId id = 1;; ++id) {
      task = {};
      switch (source_->next(task, mistake)) {
        case TaskSource::Next::Task:
          show(task, id);
          break;
        case TaskSource::Next::Blocked: {
          pollfd waiting{source_->wait_fd(), POLLIN, 0};
          ::poll(&waiting, 1, -1);
          --id;
          break;
        }
        case TaskSource::Next::Error:
          std::fprintf(stderr, "%s\n", format(mistake).c_str());
          return {kSomeFailed, 0};
        case TaskSource::Next::End:
          return {};
      }
    }
  }

  // --- the run

  template <class Tasks>
  VerbEnd run(Tasks tasks) {
    JobRunOptions options;
    // Blocked here and heard by the run's signalfd; tasks get the mask and the dispositions that we were
    // started with.
    sigset_t ours, before;
    sigemptyset(&ours);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ours, signal);
    ::pthread_sigmask(SIG_BLOCK, &ours, &before);
    // What a keeper that was killed leaves behind comes to us.
    options.engine.reap_orphans = ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    options.engine.mask = before;
    options.engine.workers = workers_.value_or(cpus_);
    options.engine.cpus = cpus_;
    options.engine.worker_program = worker_program();
    options.engine.plugins = words_.plugins;
    options.engine.functions = functions_;
    options.output.mode = words_.output == "none"                         ? OutputOptions::Mode::None
                          : words_.output == "line" || words_.line_buffer ? OutputOptions::Mode::Line
                                                                          : OutputOptions::Mode::Group;
    options.output.keep_order = words_.keep_order;
    options.output.tag = words_.tag;
    options.progress = words_.progress == "bar"     ? ProgressStyle::Bar
                       : words_.progress == "plain" ? ProgressStyle::Plain
                       : words_.progress == "none"  ? ProgressStyle::None
                                                    : ProgressStyle::Auto;
    options.halt = {.when = static_cast<HaltPolicy::When>(halt_.when),
                    .why = static_cast<HaltPolicy::Why>(halt_.why),
                    .count = halt_.count,
                    .percent = halt_.percent};
    options.timeout = job_options_.timeout.value_or(Duration(0));
    if (job_options_.grace) options.grace = options.engine.grace = *job_options_.grace;
    options.retries = job_options_.retries.value_or(0);
    options.handle_signals = true;
    JobRun job_run(std::move(options), std::move(tasks));
    const auto result = job_run.run();
    if (!result) {
      complain(result.error().text());
      return {kBroken, 0};
    }
    const PlanCounts& counts = result.value().counts;
    const bool good = counts.succeeded == counts.total && !result.value().input_failed;
    return {good ? kAllSucceeded : kSomeFailed, result.value().signal};
  }

  const RunWords& words_;
  JobOptions job_options_;
  unsigned cpus_ = 1;
  std::optional<unsigned> workers_;
  HaltRule halt_;
  Job job_;
  std::vector<std::string> functions_;
  std::unique_ptr<TaskSource> source_;
};

}  // namespace

VerbEnd run_job(const RunWords& words) {
  return RunPreparation(words).go();
}

}  // namespace drover
