#include "runner/view/output_order.hpp"

#include <algorithm>
#include <utility>

#include "runner/view/text.hpp"

namespace drover {
namespace {

// What keeping one waiting output costs beside its bytes.
constexpr std::uint64_t kKeepingCost = 512;

bool has_output(const OutputAttempt& attempt) {
  return std::any_of(std::begin(attempt.parts), std::end(attempt.parts),
                     [](const OutputPart& part) { return part.from < part.size; });
}

void take_stream(OutputPart& part, std::string head, UniqueFd file, std::uint64_t size) {
  part.size = file ? size : head.size();
  part.memory = std::move(head);
  part.file = std::move(file);
}

}  // namespace

OutputLoad load_of_note(const std::string& text) {
  return {.bytes = text.size(), .memory = text.size() + kKeepingCost};
}

OutputLoad load_of(const OutputEvent& event, const OutputOptions& options) {
  if (event.kind == OutputEvent::Kind::Note) return load_of_note(event.text);
  const bool ends = event.kind == OutputEvent::Kind::End || event.kind == OutputEvent::Kind::Nothing;
  if (!ends || options.mode == OutputOptions::Mode::None) return {};
  OutputLoad load{.bytes = event.out_file ? event.out_size : event.out_head.size(), .tasks = 1};
  load.bytes += event.err_file ? event.err_size : event.err_head.size();
  load.memory = event.out_head.size() + event.err_head.size() + (load.bytes > 0 ? kKeepingCost : 0);
  load.files = std::uint64_t{event.out_file ? 1U : 0U} + (event.err_file ? 1U : 0U);
  return load;
}

OutputOrder::OutputOrder(const OutputOptions& options, Keep keep)
    : options_(options), keep_(std::move(keep)) {}

OutputLoad OutputOrder::accept(OutputEvent event) {
  using Kind = OutputEvent::Kind;
  if (event.kind == Kind::Note) {
    jobs_.push_back({.kind = OutputJob::Kind::Note, .what = {}, .text = std::move(event.text)});
    return {};
  }
  if (options_.mode == OutputOptions::Mode::None) return {};
  const TaskId task = event.task;
  switch (event.kind) {
    case Kind::Begin: {
      OutputAttemptPtr& attempt = running(task);
      if (options_.tag) attempt->name = safe_text(event.text) + '\t';
      return {};
    }
    case Kind::Live: {
      OutputAttemptPtr& attempt = running(task);
      attempt->live = true;
      attempt->part(Channel::Out).file = std::move(event.out_file);
      attempt->part(Channel::Err).file = std::move(event.err_file);
      return {};
    }
    case Kind::Grown: {
      const auto found = running_.find(task);
      if (found == running_.end() || !found->second->live) return {};
      const OutputAttemptPtr& attempt = found->second;
      OutputLoad growth;
      for (const Channel channel : {Channel::Out, Channel::Err}) {
        OutputPart& part = attempt->part(channel);
        const std::uint64_t size = channel == Channel::Out ? event.out_size : event.err_size;
        growth.bytes += std::max(size, part.size) - part.size;
        part.size = std::max(size, part.size);
      }
      attempt->load.bytes += growth.bytes;
      if (may_pump(task)) pump(attempt);
      return growth;
    }
    case Kind::Nothing:
    case Kind::End:
      return end(std::move(event));
    case Kind::Note:
      break;
  }
  return {};
}

OutputAttemptPtr& OutputOrder::running(TaskId task) {
  OutputAttemptPtr& attempt = running_[task];
  if (!attempt) {
    attempt = std::make_shared<OutputAttempt>();
    if (options_.tag) attempt->name = "#" + std::to_string(task) + '\t';
  }
  return attempt;
}

OutputLoad OutputOrder::end(OutputEvent event) {
  const TaskId task = event.task;
  OutputLoad load = load_of(event, options_);
  OutputLoad growth;
  OutputAttemptPtr attempt;
  const bool begun = running_.count(task) != 0;
  if (begun || load.bytes > 0 || load.files > 0) {
    attempt = std::move(running(task));
    running_.erase(task);
    OutputPart& out = attempt->part(Channel::Out);
    OutputPart& err = attempt->part(Channel::Err);
    if (attempt->live) {
      // Its bytes are in the files that we have: only the sizes count.
      const std::uint64_t before = out.size + err.size;
      out.size = std::max(out.size, event.out_size);
      err.size = std::max(err.size, event.err_size);
      growth.bytes = out.size + err.size - before;
      growth.files = std::uint64_t{out.file ? 1U : 0U} + (err.file ? 1U : 0U);
    } else {
      take_stream(out, std::move(event.out_head), std::move(event.out_file), event.out_size);
      take_stream(err, std::move(event.err_head), std::move(event.err_file), event.err_size);
    }
    load.bytes += growth.bytes;
    load.files += growth.files;
    attempt->load.bytes += load.bytes;
    attempt->load.memory = load.memory;
    attempt->load.files = load.files;
    attempt->load.tasks = load.tasks;
  }

  if (!event.final) {
    const bool all_shown = options_.mode == OutputOptions::Mode::Line && !options_.keep_order;
    if (!attempt) {
      pass({});
    } else if (attempt->shown || all_shown) {
      pass(std::move(attempt));
    } else {
      jobs_.push_back({.kind = OutputJob::Kind::Drop, .what = std::move(attempt), .text = {}});
    }
    return growth;
  }
  WaitingOutput what;
  if (attempt && (has_output(*attempt) || attempt->shown)) {
    what = std::move(attempt);
  } else if (attempt && (attempt->load.bytes > 0 || attempt->load.files > 0)) {
    attempt->load.tasks = 0;  // counted as passed when its turn comes
    jobs_.push_back({.kind = OutputJob::Kind::Drop, .what = std::move(attempt), .text = {}});
  }
  if (!options_.keep_order) {
    pass(std::move(what));
    return growth;
  }
  DROVER_CHECK(task >= head_ && ended_.count(task) == 0);
  if (task > head_) {
    if (auto* waits = std::get_if<OutputAttemptPtr>(&what)) what = keep_(std::move(*waits), Turn::Later);
    ended_.emplace(task, std::move(what));
    return growth;
  }
  ++head_;
  pass(std::move(what));
  advance();
  return growth;
}

void OutputOrder::advance() {
  while (!ended_.empty() && ended_.begin()->first == head_) {
    pass(std::move(ended_.begin()->second));
    ended_.erase(ended_.begin());
    ++head_;
  }
  const auto next = running_.find(head_);
  if (next != running_.end() && next->second->live) pump(next->second);
}

void OutputOrder::pass(WaitingOutput what) {
  if (auto* attempt = std::get_if<OutputAttemptPtr>(&what)) what = keep_(std::move(*attempt), Turn::Next);
  if (!std::holds_alternative<std::monostate>(what)) {
    jobs_.push_back({.kind = OutputJob::Kind::Output, .what = std::move(what), .text = {}});
    return;
  }
  if (jobs_.empty() || jobs_.back().kind != OutputJob::Kind::Passed) {
    jobs_.push_back({.kind = OutputJob::Kind::Passed, .what = {}, .text = {}});
  }
  ++jobs_.back().passed;
}

bool OutputOrder::may_pump(TaskId task) const {
  return options_.keep_order ? task == head_ : options_.mode == OutputOptions::Mode::Line;
}

void OutputOrder::pump(const OutputAttemptPtr& attempt) {
  if (attempt->pump_queued || !has_output(*attempt)) return;
  attempt->pump_queued = true;
  attempt->shown = true;
  jobs_.push_back({.kind = OutputJob::Kind::Pump, .what = attempt, .text = {}});
}

void OutputOrder::close() {
  for (auto& [task, what] : ended_) pass(std::move(what));
  ended_.clear();
  std::map<TaskId, OutputAttemptPtr> live;
  for (auto& [task, attempt] : running_) {
    if (attempt->live) live.emplace(task, std::move(attempt));
  }
  running_.clear();
  for (auto& [task, attempt] : live) {
    jobs_.push_back({.kind = OutputJob::Kind::Output, .what = std::move(attempt), .text = {}});
  }
}

OutputJob OutputOrder::take_job() {
  OutputJob job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

OutputAttemptPtr OutputOrder::head_to_ask() const {
  if (!options_.keep_order) return nullptr;
  const auto found = running_.find(head_);
  if (found == running_.end() || found->second->live || found->second->asked) return nullptr;
  return found->second;
}

}  // namespace drover
