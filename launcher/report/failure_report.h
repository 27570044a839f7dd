// The report that ends a job in which a worker failed: one for the whole job. Pure.
#pragma once

#include <string>
#include <vector>

#include "coordinator/messages.h"

namespace torchelastic::report {

/// torchrun's blocks and field names, the root cause first, and fields of our own after them.
/// `failures` in the order in which the coordinator heard of them: the first is the cause; those
/// that were stopped on its account are named in one line by their ranks. Ends with a newline.
std::string failure_report(const std::string& program,
                           const std::vector<coordinator::WorkerFailure>& failures);

/// "0-2, 4, 7-11".
std::string rank_ranges(std::vector<int> ranks);

}  // namespace torchelastic::report
