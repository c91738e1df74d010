#include "worker/command/spool_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace drover {
namespace {

UniqueFd make_in(const std::string& folder) {
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file) return file;
  // Not every file system knows O_TMPFILE.
  std::string path = folder + "/drover-XXXXXX";
  file.reset(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace

Result<UniqueFd> make_spool_file() {
  const char* chosen = ::getenv("TMPDIR");
  Error refused;
  for (const char* folder : {chosen, "/tmp", "/var/tmp"}) {
    if (folder == nullptr || *folder == '\0') continue;
    UniqueFd file = make_in(folder);
    if (file) return file;
    refused = last_error("make a file in", folder);
  }
  return refused;
}

}  // namespace drover
