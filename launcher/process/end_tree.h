// The last resort: ends everything below this process, from anywhere, a signal handler included.
#pragma once

#include "base/time.h"

namespace torchelastic::process {

/// Kills every descendant of this process, which must be a child subreaper, and reaps until there
/// is none, or until `limit` has passed. True if none is left. Async-signal-safe; blocks; takes
/// the exit statuses of all children.
bool end_tree(Duration limit);

}  // namespace torchelastic::process
