// A job file in TOML. All mistakes of meaning are found in one reading; a syntax error ends it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/job.hpp"

namespace drover {

// Reads the whole of one file into an empty job. `file` is for diagnostics only. False when it added any;
// they are in the order of the file, and the job is then good for nothing.
bool read_toml(std::string_view text, const std::string& file, const JobOptions& options, Job& job,
               std::vector<Diagnostic>& diagnostics);

}  // namespace drover
