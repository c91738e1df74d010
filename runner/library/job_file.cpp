#include <drover/job_file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <utility>

#include <drover/coordinator.hpp>

#include "runner/job_run.hpp"
#include "runner/jobfile/function_check.hpp"
#include "runner/jobfile/job_format.hpp"
#include "runner/jobfile/line_source.hpp"
#include "runner/jobfile/toml_reader.hpp"
#include "runner/jobfile/worker_count.hpp"
#include "runner/library/engine_options.hpp"
#include "runner/library/pool.hpp"
#include "runner/pool/cpus.hpp"
#include "worker/registry.hpp"

namespace drover {

struct JobFile::Content {
  std::string name;
  std::string toml;                  // empty: a list
  std::unique_ptr<TaskSource> list;  // until it has run
  std::mutex mutex;
};

namespace {

std::string lines_of(const std::vector<Diagnostic>& mistakes) {
  std::string text;
  for (const Diagnostic& mistake : mistakes) text += (text.empty() ? "" : "\n") + format(mistake);
  return text;
}

Job read(const JobFile::Content& content, const std::vector<std::string>* functions) {
  Job job;
  std::vector<Diagnostic> mistakes;
  read_toml(content.toml, content.name, JobOptions{}, job, mistakes);
  if (functions != nullptr && !job.functions.empty())
    check_functions(job, content.name, *functions, mistakes);
  if (!mistakes.empty()) throw JobFileError(lines_of(mistakes));
  return job;
}

JobReport report_of(const JobRunResult& result) {
  JobReport report;
  report.tasks = result.counts.total;
  report.tasks_succeeded = result.counts.succeeded;
  report.tasks_failed = result.counts.failed;
  report.tasks_cancelled = result.counts.cancelled;
  report.tasks_skipped = result.counts.skipped;
  report.input_failed = result.input_failed;
  for (const FailedTask& each : result.failed)
    report.failed.push_back({.task = each.task,
                             .name = each.name,
                             .outcome = describe(each.outcome),
                             .exit_code = each.outcome.exit_code,
                             .signal = each.outcome.signal,
                             .attempts = each.attempts});
  return report;
}

}  // namespace

JobFile JobFile::parse(std::string_view toml, const std::string& name) {
  auto content = std::make_shared<Content>();
  content->name = name;
  content->toml = toml.empty() ? "\n" : std::string(toml);
  (void)read(*content, nullptr);
  return JobFile(std::move(content));
}

JobFile JobFile::load(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw JobFileError("drover: " + last_error("open", path).text());
  switch (format_of(path)) {
    case JobFormat::JsonLines:
    case JobFormat::CompileCommands:
      throw JobFileError("drover: " + path + ": this version reads .toml files and command lists");
    case JobFormat::List: {
      auto content = std::make_shared<Content>();
      content->name = path;
      content->list = std::make_unique<LineSource>(std::move(file), path, JobOptions{}, std::string());
      return JobFile(std::move(content));
    }
    case JobFormat::Toml:
      break;
  }
  std::string text;
  char bytes[64 * 1024];
  for (ssize_t got = 0; (got = ::read(file.get(), bytes, sizeof bytes)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw JobFileError("drover: " + last_error("read", path).text());
    text.append(bytes, static_cast<std::size_t>(got));
  }
  return parse(text, path);
}

JobReport Coordinator::run(const JobFile& file) {
  JobFile::Content& content = file.content();
  JobRunOptions options;
  options.engine = detail::engine_options(pool_->options(), pool_->image());
  options.engine.functions = detail::function_names();
  options.output.mode = pool_->options().output == FunctionOutput::Forward ? OutputOptions::Mode::Group
                                                                           : OutputOptions::Mode::None;
  options.output.notes = false;
  options.progress = ProgressStyle::None;
  options.grace = pool_->options().grace;
  const auto finish = [](JobRun&& run) {
    auto result = run.run();
    if (!result) throw CoordinatorFailed("drover: " + result.error().text());
    return report_of(*result);
  };
  if (content.toml.empty()) {
    std::unique_ptr<TaskSource> list;
    {
      const std::scoped_lock lock(content.mutex);
      list = std::move(content.list);
    }
    if (!list)
      throw JobFileError("drover: " + content.name +
                         ": a list is read while it runs, so it runs once; load it again");
    return finish(JobRun(std::move(options), std::move(list)));
  }
  std::vector<std::string> named = options.engine.functions;
  named.resize(count_of(KnownFunctions::Named));
  Job job = read(content, &named);
  if (job.workers)
    if (auto workers = parse_worker_count(*job.workers, usable_cpus()); workers)
      options.engine.workers = *workers;
  if (job.halt)
    options.halt = {.when = static_cast<HaltPolicy::When>(job.halt->when),
                    .why = static_cast<HaltPolicy::Why>(job.halt->why),
                    .count = job.halt->count,
                    .percent = job.halt->percent};
  return finish(JobRun(std::move(options), std::move(job.tasks)));
}

}  // namespace drover
