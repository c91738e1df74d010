#include "worker/image_name.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/check.hpp"
#include "common/function_names.hpp"

namespace drover {
namespace {

constexpr std::size_t kBuildIdBytes = 8;

const char* at(const dl_phdr_info& image, ElfW(Addr) offset) {
  // The loader tells where it has put the image as a number.
  return reinterpret_cast<const char*>(image.dlpi_addr + offset);  // NOLINT(performance-no-int-to-ptr)
}

bool holds(const dl_phdr_info& image, std::uintptr_t address) {
  for (int i = 0; i < image.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = image.dlpi_phdr[i];
    const std::uintptr_t begin = image.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= begin && address - begin < part.p_memsz) return true;
  }
  return false;
}

std::string_view build_id(const dl_phdr_info& image) {
  constexpr std::string_view kOwner("GNU\0", 4);
  for (int i = 0; i < image.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = image.dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const std::size_t alignment = part.p_align == 8 ? 8 : 4;
    const auto padded = [&](std::size_t size) { return (size + alignment - 1) / alignment * alignment; };
    std::string_view rest(at(image, part.p_vaddr), part.p_memsz);
    while (rest.size() >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      std::memcpy(&note, rest.data(), sizeof note);
      const std::size_t content = padded(sizeof note + note.n_namesz);
      if (content + note.n_descsz > rest.size()) break;
      if (note.n_type == NT_GNU_BUILD_ID && rest.substr(sizeof note, note.n_namesz) == kOwner &&
          note.n_descsz != 0)
        return rest.substr(content, std::min<std::size_t>(note.n_descsz, kBuildIdBytes));
      rest.remove_prefix(std::min(padded(content + note.n_descsz), rest.size()));
    }
  }
  return {};
}

std::uint64_t hash_of_layout(const dl_phdr_info& image) {
  std::uint64_t hash = kNoNames;
  const auto add = [&hash](const auto& value) {
    hash = hash_name(hash, {reinterpret_cast<const char*>(&value), sizeof value});
  };
  for (int i = 0; i < image.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = image.dlpi_phdr[i];
    add(part);
    if (part.p_type != PT_DYNAMIC) continue;
    for (auto* entry = reinterpret_cast<const ElfW(Dyn)*>(at(image, part.p_vaddr)); entry->d_tag != DT_NULL;
         ++entry) {
      if (entry->d_tag == DT_DEBUG) continue;  // for debuggers: written by the loader
      add(entry->d_tag);
      // The loader may have made addresses of offsets.
      const ElfW(Addr) value = entry->d_un.d_ptr;
      add(value >= image.dlpi_addr ? value - image.dlpi_addr : value);
    }
  }
  return hash;
}

struct Search {
  std::uintptr_t address;
  std::string found;
};

int look(dl_phdr_info* image, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (!holds(*image, search.address)) return 0;
  search.found = "@";
  if (const std::string_view id = build_id(*image); !id.empty()) {
    for (const char byte : id) search.found += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  } else {
    search.found += fmt::format("{:016x}", hash_of_layout(*image));
  }
  search.found += fmt::format(":{:x}", search.address - image->dlpi_addr);
  return 1;
}

}  // namespace

std::string image_name(const void* code) {
  Search search{reinterpret_cast<std::uintptr_t>(code), {}};
  ::dl_iterate_phdr(look, &search);
  DROVER_CHECK(!search.found.empty());
  return search.found;
}

}  // namespace drover
