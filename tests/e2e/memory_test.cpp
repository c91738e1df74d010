// The kernel's own kill for memory, in a memory cgroup that is too small. A test makes none of its own
// accord: DROVER_MEMORY_CGROUP names a folder of a cgroup file system (v1 or v2) in which it may.
#include <unistd.h>

#include "tests/e2e/function_job.hpp"
#include "tests/e2e/test_space.hpp"

namespace drover::test {
namespace {

constexpr int kLimit = 16 << 20;

class MemoryCgroup {
 public:
  explicit MemoryCgroup(const std::string& parent)
      : folder_(parent + "/drover-test-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(folder_);
    limited_ = set("memory.max", kLimit) || set("memory.limit_in_bytes", kLimit);
    (void)(set("memory.swap.max", 0) || set("memory.memsw.limit_in_bytes", kLimit));  // where there is swap
  }
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;
  ~MemoryCgroup() { ::rmdir(folder_.c_str()); }

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] bool limited() const { return limited_; }

 private:
  [[nodiscard]] bool set(const std::string& name, int value) const {
    if (!std::filesystem::exists(folder_ + "/" + name)) return false;
    std::ofstream file(folder_ + "/" + name);
    file << value << std::flush;
    return file.good();
  }
  std::string folder_;
  bool limited_ = false;
};

}  // namespace

TEST_CASE("what the kernel kills for memory is told as out of memory, a command and a function") {
  const char* parent = ::getenv("DROVER_MEMORY_CGROUP");
  if (parent == nullptr) {
    MESSAGE("not run: DROVER_MEMORY_CGROUP names no cgroup in which others may be made");
    return;
  }
  const TestSpace space;
  const MemoryCgroup cgroup(parent);
  REQUIRE_MESSAGE(cgroup.limited(), cgroup.folder() << " has no memory limit");
  FunctionJob job;
  job.add("function", "use_memory", "\"" + cgroup.folder() + "\", " + std::to_string(4 * kLimit));
  job.add_command("command", "echo $$ >" + cgroup.folder() +
                                 "/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=64M count=1");
  job.add_command("killed", "kill -9 $$");
  space.write("job.toml", job.text());
  // One at a time: a kill for memory may be taken for another task's.
  const Ran ran = space.run(with_plugin({"-j", "1"}));
  CAPTURE(ran.err);
  CHECK(ran.err == Has("task function out of memory"));
  CHECK(ran.err == Has("task command out of memory"));
  CHECK(ran.err == Has("task killed signaled (SIGKILL)"));
}

}  // namespace drover::test
