#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "runner/jobfile/line_source.hpp"

using drover::Diagnostic;
using drover::JobOptions;
using drover::LineSource;
using drover::TaskSpec;
using drover::UniqueFd;
using Next = drover::TaskSource::Next;
using Texts = std::vector<std::string>;

namespace {

UniqueFd file_with(std::string_view text) {
  UniqueFd fd(::memfd_create("list", MFD_CLOEXEC));
  REQUIRE(fd.get() >= 0);
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(::lseek(fd.get(), 0, SEEK_SET) == 0);
  return fd;
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  void feed(std::string_view text) const {
    REQUIRE(::write(write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
};

// All commands until something else than a task comes, which then stands at the end: "END", "BLOCKED" or the
// error.
Texts drain(LineSource& source) {
  Texts texts;
  TaskSpec task;
  Diagnostic diagnostic;
  for (;;) {
    switch (source.next(task, diagnostic)) {
      case Next::Task:
        texts.push_back(task.text);
        continue;
      case Next::Blocked:
        texts.emplace_back("BLOCKED");
        return texts;
      case Next::End:
        texts.emplace_back("END");
        return texts;
      case Next::Error:
        texts.push_back(format(diagnostic));
        return texts;
    }
  }
}

Texts read_all(std::string_view text) {
  LineSource source(file_with(text), "list", JobOptions{});
  return drain(source);
}

}  // namespace

TEST_CASE("each line of a command list is a task") {
  CHECK(read_all("ls -l\necho a\n") == Texts{"ls -l", "echo a", "END"});
  CHECK(read_all("") == Texts{"END"});
  CHECK(read_all("\n") == Texts{"END"});
}

TEST_CASE("the task of a line is a command that runs with or without a shell, under the options given") {
  JobOptions options;
  options.shell = "bash";
  options.timeout = std::chrono::seconds(3);
  options.grace = std::chrono::seconds(4);
  options.retries = 5;
  LineSource source(file_with("ls -l\nls *.c\n"), "list", options);
  TaskSpec task;
  task.name = "left over";
  task.after = {1};
  Diagnostic diagnostic;
  REQUIRE(source.next(task, diagnostic) == Next::Task);
  CHECK(task.kind == drover::TaskKind::Command);
  CHECK(task.name.empty());
  CHECK(task.after.empty());
  CHECK(task.argv == Texts{"ls", "-l"});
  CHECK(task.timeout == std::chrono::seconds(3));
  CHECK(task.grace == std::chrono::seconds(4));
  CHECK(task.retries == 5);
  REQUIRE(source.next(task, diagnostic) == Next::Task);
  CHECK(task.argv == Texts{"bash", "-c", "ls *.c"});
}

TEST_CASE("comments and blank lines are skipped, a # within a line is the shell's") {
  CHECK(read_all("# one\n\n  \t\n  # two\nls # three\n#\n") == Texts{"ls # three", "END"});
}

TEST_CASE("the last line of a list counts without its end") {
  CHECK(read_all("a\nb") == Texts{"a", "b", "END"});
  CHECK(read_all("a\n# b") == Texts{"a", "END"});
}

TEST_CASE("a backslash at the end of a line joins the next one") {
  CHECK(read_all("echo a \\\n  b \\\nc\nd\n") == Texts{"echo a   b c", "d", "END"});
  CHECK(read_all("a\\\n# b\n") == Texts{"a# b", "END"});
  CHECK(read_all("a\\\n\nb\n") == Texts{"a", "b", "END"});
  CHECK(read_all("\\\n  \\\n\nb\n") == Texts{"b", "END"});
}

TEST_CASE("a backslash that is escaped, or in a comment, joins nothing") {
  CHECK(read_all("echo a\\\\\nb\n") == Texts{"echo a\\\\", "b", "END"});
  CHECK(read_all("echo a\\\\\\\nb\n") == Texts{"echo a\\\\b", "END"});
  CHECK(read_all("# a\\\nb\n") == Texts{"b", "END"});
}

TEST_CASE("a list that ends behind a backslash has that line too") {
  CHECK(read_all("a\nb\\") == Texts{"a", "b", "END"});
  CHECK(read_all("a\nb \\\n") == Texts{"a", "b ", "END"});
}

TEST_CASE("line ends of DOS are taken for line ends") {
  CHECK(read_all("a b\r\n\r\n# c\r\nd \\\r\ne\r\nf\r") == Texts{"a b", "d e", "f", "END"});
  CHECK(read_all("a\rb\n") == Texts{"a\rb", "END"});
}

TEST_CASE("a byte order mark before the first line is not part of it") {
  CHECK(read_all("\xEF\xBB\xBF"
                 "ls\n\xEF\xBB\xBFls\n") == Texts{"ls", "\xEF\xBB\xBFls", "END"});
}

TEST_CASE("a NUL byte ends the reading with its place, what is before it counts") {
  const std::string_view text("a\nb\nü c\0d\ne\n", 13);
  CHECK(read_all(text) ==
        Texts{"a", "b",
              "drover: list:3:4: the line holds a NUL byte; a command list is text, one command a line"});
}

TEST_CASE("a list of names that end with NUL bytes is refused at the first, not read to its end") {
  Pipe pipe;
  pipe.feed(std::string_view("one\0two\0", 8));
  LineSource source(pipe.read_end.get(), "-", JobOptions{});
  CHECK(drain(source) ==
        Texts{"drover: -:1:4: the line holds a NUL byte; a command list is text, one command a line"});
}

TEST_CASE("a line of 1 MiB is read, a longer one ends the reading with its number") {
  const std::string longest(LineSource::kLongestLine, 'x');
  CHECK(read_all("a\n" + longest + "\nb\n") == Texts{"a", longest, "b", "END"});
  const std::string too_long = "the line is longer than 1 MiB; put the command into a script and call that";
  CHECK(read_all("a\n" + longest + "x\nb\n") == Texts{"a", "drover: list:2: " + too_long});
  CHECK(read_all("a\n" + longest + "x") == Texts{"a", "drover: list:2: " + too_long});
}

TEST_CASE("joined lines have the limit of one line") {
  const std::string half(LineSource::kLongestLine / 2, 'x');
  CHECK(read_all(half + "\\\n" + half + "\n") == Texts{half + half, "END"});
  CHECK(read_all(half + "\\\n" + half + "x\n") ==
        Texts{"drover: list:2: the line is longer than 1 MiB; put the command into a script and call that"});
}

TEST_CASE("end and error are final") {
  LineSource good(file_with("a"), "list", JobOptions{});
  CHECK(drain(good) == Texts{"a", "END"});
  CHECK(drain(good) == Texts{"END"});
  LineSource bad(file_with(std::string_view("\0\na\n", 4)), "list", JobOptions{});
  const Texts refused = drain(bad);
  CHECK(refused.size() == 1);
  CHECK(refused != Texts{"END"});
  CHECK(drain(bad) == refused);
}

TEST_CASE("what cannot be read is an error with the system's reason") {
  UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(folder.get() >= 0);
  LineSource source(std::move(folder), "/", JobOptions{});
  CHECK(drain(source) ==
        Texts{"drover: /: cannot read the command list: Is a directory; nothing after line 0 was read"});
}

TEST_CASE("a source knows in which line its last task begins") {
  LineSource source(file_with("# x\na\n\nb \\\nc\nd\n"), "list", JobOptions{});
  TaskSpec task;
  Diagnostic diagnostic;
  for (const std::uint64_t line : {2U, 4U, 6U}) {
    REQUIRE(source.next(task, diagnostic) == Next::Task);
    CHECK(source.line() == line);
  }
}

TEST_CASE("a pipe without a whole line blocks the source, never the process, and goes on when more comes") {
  Pipe pipe;
  LineSource source(pipe.read_end.get(), "-", JobOptions{});
  CHECK(source.wait_fd() == pipe.read_end.get());
  CHECK(drain(source) == Texts{"BLOCKED"});
  pipe.feed("ec");
  CHECK(drain(source) == Texts{"BLOCKED"});
  pipe.feed("ho a\nb");
  CHECK(drain(source) == Texts{"echo a", "BLOCKED"});
  pipe.feed("\\");
  CHECK(drain(source) == Texts{"BLOCKED"});
  pipe.feed("\n");
  CHECK(drain(source) == Texts{"BLOCKED"});
  pipe.feed("c\n");
  CHECK(drain(source) == Texts{"bc", "BLOCKED"});
  pipe.feed("d");
  pipe.write_end.reset();
  CHECK(drain(source) == Texts{"d", "END"});
}

TEST_CASE("a list through a pipe reads the same however it is cut") {
  const std::string text = "one 1\r\n# comment\n\ntwo \\\n  2\\\r\n x\n\\\\\nthree ü\nfour";
  const Texts whole = read_all(text);
  CHECK(whole == Texts{"one 1", "two   2 x", "\\\\", "three ü", "four", "END"});
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CAPTURE(piece);
    Pipe pipe;
    LineSource source(pipe.read_end.get(), "-", JobOptions{});
    Texts seen;
    const auto take = [&] {
      for (std::string& line : drain(source)) {
        if (line != "BLOCKED") seen.push_back(std::move(line));
      }
    };
    for (std::size_t at = 0; at < text.size(); at += piece) {
      pipe.feed(std::string_view(text).substr(at, piece));
      take();
    }
    pipe.write_end.reset();
    take();
    CHECK(seen == whole);
  }
}

TEST_CASE("a lent descriptor stays open and keeps its flags, a given one is closed") {
  Pipe pipe;
  const int flags = ::fcntl(pipe.read_end.get(), F_GETFL);
  {
    LineSource source(pipe.read_end.get(), "-", JobOptions{});
    CHECK(drain(source) == Texts{"BLOCKED"});
    CHECK(::fcntl(pipe.read_end.get(), F_GETFL) == flags);
  }
  CHECK(::fcntl(pipe.read_end.get(), F_GETFL) == flags);
  const int number = pipe.read_end.get();
  { const LineSource source(std::move(pipe.read_end), "-", JobOptions{}); }
  CHECK(::fcntl(number, F_GETFL) == -1);
}

TEST_CASE("a pipe that somebody made non-blocking blocks the source when it is empty") {
  Pipe pipe;
  REQUIRE(::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) == 0);
  LineSource source(pipe.read_end.get(), "-", JobOptions{});
  CHECK(drain(source) == Texts{"BLOCKED"});
}

TEST_CASE("what was read before to look at the stream comes first") {
  Pipe pipe;
  pipe.feed("ho a\nb\n");
  pipe.write_end.reset();
  LineSource source(pipe.read_end.get(), "-", JobOptions{}, "# head\nfirst\nec");
  CHECK(drain(source) == Texts{"first", "echo a", "b", "END"});
  LineSource at_end(file_with(""), "-", JobOptions{}, "a\nb");
  CHECK(drain(at_end) == Texts{"a", "b", "END"});
}

TEST_CASE("a million lines are read with the memory of one buffer") {
  constexpr int kTasks = 1'000'000;
  std::string text;
  for (int i = 0; i < kTasks; ++i) text += "run --item " + std::to_string(i) + "\n";
  LineSource source(file_with(text), "list", JobOptions{});
  TaskSpec task;
  Diagnostic diagnostic;
  std::size_t most = 0;
  int tasks = 0;
  while (source.next(task, diagnostic) == Next::Task) {
    REQUIRE(task.argv.back() == std::to_string(tasks));
    ++tasks;
    most = std::max(most, source.held_bytes());
  }
  CHECK(tasks == kTasks);
  CHECK(most < LineSource::kReadSize + 1024);
}

TEST_CASE("the memory of a long line is given back after it") {
  LineSource source(file_with(std::string(LineSource::kLongestLine, 'x') + "\na\n"), "list", JobOptions{});
  TaskSpec task;
  Diagnostic diagnostic;
  REQUIRE(source.next(task, diagnostic) == Next::Task);
  REQUIRE(source.next(task, diagnostic) == Next::Task);
  CHECK(source.held_bytes() < LineSource::kReadSize + 1024);
}

TEST_CASE("what was read before is held only until it has been used") {
  std::string before;
  while (before.size() < LineSource::kLongestLine) before += "run\n";
  LineSource source(file_with("last\n"), "-", JobOptions{}, std::move(before));
  CHECK(source.held_bytes() > LineSource::kLongestLine);
  CHECK(drain(source).back() == "END");
  CHECK(source.held_bytes() < LineSource::kReadSize + 1024);
}
