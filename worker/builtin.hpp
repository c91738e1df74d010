// The functions that every worker knows.
#pragma once

namespace drover {

// Does nothing: whoever calls it is linked with them. They register themselves, which no linker takes for a
// reason to take a file out of a library.
void link_builtin_functions();

}  // namespace drover
