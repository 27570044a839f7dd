// What `torchelastic --version` prints.
#pragma once

namespace torchelastic {

/// Several lines, of which the first is "torchelastic X.Y.Z"; the others say what it was built from
/// and with.
const char* version();

}  // namespace torchelastic
