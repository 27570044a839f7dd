// Names of signals.
#pragma once

#include <string>

namespace torchelastic {

/// "SIGTERM"; "signal 77" for a number that has no name.
std::string signal_name(int signal);

}  // namespace torchelastic
