// Signals in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace torchelastic {

/// "SIGTERM", "SIGRTMIN+3"; "signal 77" for a number without a name.
std::string signal_name(int signal);

/// The signal that Python's `signal` module has under this name, or that signal_name() calls so;
/// nothing for any other text, "sigterm" and "15" among them.
std::optional<int> signal_number(std::string_view name);

/// What it means for a program that it ended: "invalid memory reference"; empty where the name says
/// all there is to say.
std::string_view signal_meaning(int signal);

}  // namespace torchelastic
