// Names of signals.
#pragma once

#include <string>

namespace torchelastic {

/// "SIGTERM", "SIGRTMIN+3"; "signal 77" for a number without a name.
std::string signal_name(int signal);

}  // namespace torchelastic
