// Random runs against the simplest thing that could be right: the text that each task has printed, in order.
#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "tests/runner/view_testing.hpp"

using namespace drover;
using namespace drover::view_testing;

namespace {

class RandomRun {
 public:
  RandomRun(unsigned seed, const Stage& stage) : random_(seed), stage_(stage) {}

  // Runs `tasks` tasks, a few at once.
  void go(TaskId tasks) {
    TaskId next = 1;
    std::vector<Running> running;
    while (next <= tasks || !running.empty()) {
      if (next <= tasks && (running.empty() || (running.size() < 6 && below(2) == 0))) {
        running.push_back(begin(next++, below(4)));
        continue;
      }
      const std::size_t at = below(running.size());
      if (running[at].live && below(3) != 0) {
        print_more(running[at]);
      } else {
        Running over = std::move(running[at]);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
        if (auto again = end(std::move(over))) running.push_back(std::move(*again));
      }
    }
  }

  // By the task's number: what its last attempt has printed.
  std::map<TaskId, std::string> printed_by;
  std::vector<TaskId> ended;

 private:
  struct Running {
    TaskId task = 0;
    unsigned retries = 0;
    bool live = false;
    std::string text;
    UniqueFd file;
  };

  std::size_t below(std::size_t n) { return random_() % n; }

  std::string some_text(TaskId task) {
    static constexpr std::size_t kSizes[] = {0, 5, 40, 3000, 70'000, 300'000};
    return many_lines(below(kSizes[below(6)] + 1), "task " + std::to_string(task));
  }

  Running begin(TaskId task, unsigned retries) {
    stage_->begin(task, "#" + std::to_string(task));
    Running begun{.task = task, .retries = retries, .live = below(2) == 0, .text = {}, .file = {}};
    if (begun.live) {
      begun.file = memory_file();
      stage_->live(task, UniqueFd(::dup(begun.file.get())), memory_file());
    }
    return begun;
  }

  void print_more(Running& running) {
    const std::string more = some_text(running.task);
    append(running.file.get(), more);
    running.text += more;
    stage_->grown(running.task, running.text.size(), 0);
  }

  std::optional<Running> end(Running over) {
    // What was shown live cannot be unsaid: only those that were never live are retried here.
    const bool final = over.live || over.retries == 0;
    if (over.live) {
      const std::string rest = some_text(over.task);
      append(over.file.get(), rest);
      over.text += rest;
      stage_->end(over.task, sized(over.text.size()), sized(0), true);
    } else {
      over.text = some_text(over.task);
      const bool large = over.text.size() > kCapturedInMemory;
      stage_->end(over.task, large ? spooled(over.text) : printed(over.text), printed(""), final);
    }
    if (!final) return begin(over.task, over.retries - 1);
    printed_by[over.task] = std::move(over.text);
    ended.push_back(over.task);
    return std::nullopt;
  }

  std::mt19937 random_;
  const Stage& stage_;
};

std::string with_tags(const std::string& text, TaskId task) {
  std::string tagged;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    tagged += "#" + std::to_string(task) + "\t" + text.substr(at, end - at);
    at = end;
  }
  return tagged;
}

}  // namespace

TEST_CASE("whatever tasks print and however they end, their output is whole and in its order") {
  OutputOptions options{.memory_limit = 200'000};
  options.live_after = Duration(0);
  SUBCASE("group") {}
  SUBCASE("group, tagged") {
    options.tag = true;
  }
  SUBCASE("in order") {
    options.keep_order = true;
  }
  SUBCASE("in order, tagged") {
    options.keep_order = options.tag = true;
  }
  SUBCASE("in order, by lines") {
    options.keep_order = true;
    options.mode = OutputOptions::Mode::Line;
  }
  for (unsigned seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    Pipe pipe;
    std::string got;
    Stage stage(options, pipe.write_end.get());
    RandomRun run(seed, stage);
    // In every second run the reader sleeps until all tasks are over.
    std::thread reader;
    const auto read_all = [&] { got = pipe.read_all(); };
    if (seed % 2 == 0) reader = std::thread(read_all);
    run.go(60);
    if (seed % 2 == 1) reader = std::thread(read_all);
    stage->finish();
    pipe.write_end.reset();
    reader.join();

    std::vector<TaskId> order = run.ended;
    if (options.keep_order) std::sort(order.begin(), order.end());
    std::string expected;
    for (const TaskId task : order) {
      const std::string& text = run.printed_by[task];
      expected += options.tag ? with_tags(text, task) : text;
    }
    REQUIRE(got.size() == expected.size());
    REQUIRE((got == expected));
    const OutputLoad left = stage->load();
    REQUIRE(left.bytes + left.memory + left.tasks + left.files == 0);
  }
}
