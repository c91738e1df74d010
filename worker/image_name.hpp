// Names code by where it lies, so that processes of one image agree on it wherever that was loaded: two
// lambdas of one signature have equal names in C++, but not equal addresses.
#pragma once

#include <string>

namespace drover {

// "@BUILDID:OFFSET", both hexadecimal: of the executable or shared object that holds the address. BUILDID is
// the beginning of the linker's build id or, where it wrote none, a hash of the image's layout.
std::string image_name(const void* code);

}  // namespace drover
