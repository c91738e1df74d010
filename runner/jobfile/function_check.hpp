// Do the workers know the functions that a job calls? Apart from the reader: the answer may come only after a
// worker has started, and a job without functions does not need one.
#pragma once

#include <string>
#include <vector>

#include "runner/jobfile/diagnostic.hpp"
#include "runner/jobfile/job.hpp"

namespace drover {

// Adds one diagnostic for each use of a function that is not in `known`. False when it added any.
bool check_functions(const Job& job, const std::string& file, const std::vector<std::string>& known,
                     std::vector<Diagnostic>& diagnostics);

}  // namespace drover
