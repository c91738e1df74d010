// A job file can neither crash its reader nor be taken for good without tasks that can be run.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runner/jobfile/job_format.hpp"
#include "runner/jobfile/shell_words.hpp"
#include "runner/jobfile/toml_reader.hpp"

using namespace drover;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Job job;
  std::vector<Diagnostic> mistakes;
  const bool good = read_toml(text, "fuzz.toml", {}, job, mistakes);
  if (good != mistakes.empty()) std::abort();
  if (good) {
    for (const TaskSpec& task : job.tasks)
      if (task.kind == TaskKind::Command ? task.argv.empty() : task.function.empty()) std::abort();
  }
  (void)first_written_line(text, true);
  return 0;
}
