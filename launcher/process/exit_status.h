// How a process ended, as a value: an exit code or a signal. Pure.
#pragma once

#include <csignal>

namespace torchelastic::process {

/// How a process ended.
class ExitStatus {
public:
    static ExitStatus exited(int code) { return ExitStatus(code & 0xff, 0, false); }
    static ExitStatus killed_by(int signal, bool dumped_core = false) {
        return ExitStatus(0, signal, dumped_core);
    }

    /// From waitpid(2). The process must have ended, not stopped.
    static ExitStatus from_wait(int wait_status);

    /// From waitid(2), asked for WEXITED only.
    static ExitStatus from_waitid(const siginfo_t& info);

    bool success() const { return code_ == 0 && signal_ == 0; }

    /// The signal that killed it, or 0.
    int signal() const { return signal_; }

    /// Whether the kernel wrote the memory of the killed process to a file, or to a program.
    bool dumped_core() const { return dumped_core_; }

    /// As a shell has it: the exit code, or 128 + the signal.
    int code() const { return signal_ != 0 ? 128 + signal_ : code_; }

    /// As torchrun and Python's subprocess have it: the exit code, or minus the signal.
    int torchrun_code() const { return signal_ != 0 ? -signal_ : code_; }

    bool operator==(const ExitStatus&) const = default;

private:
    ExitStatus(int code, int signal, bool dumped_core)
        : code_(code), signal_(signal), dumped_core_(dumped_core) {}

    int code_;
    int signal_;
    bool dumped_core_;
};

}  // namespace torchelastic::process
