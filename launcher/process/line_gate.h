// Lets the bytes of a stream that others share its console with through in whole lines. Pure: it is
// told that time has passed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace torchelastic::process {

/// What follows the last newline is held, for its writer may be about to end the line: an
/// unbuffered print() of Python is two writes. Bytes pass unchanged, and none is kept for good.
class LineGate {
public:
    /// A line may be held that long; of a longer one the beginning is shown before its end is
    /// known.
    static constexpr std::size_t kHeld = 64UL * 1024;

    /// Takes what was written, and appends to `shown` what can be shown.
    void take(std::string_view bytes, std::string& shown);

    /// To be called now and then while nothing more is there to be taken. What was held at the last
    /// call too is shown without its end: a prompt, a progress bar. The turn of a long line whose
    /// writer pauses is over.
    void age(std::string& shown);

    /// Nobody writes any more: what is held is all there is. No newline is added.
    void finish(std::string& shown);

    /// `shown` ends within a line too long to be held: nobody else may write.
    bool within_line() const { return within_; }

    /// age() would have something to do.
    bool ages() const { return within_ || !held_.empty(); }

private:
    std::string held_;
    bool old_ = false;  ///< age() has seen what is held, or nothing came of the long line since
    bool within_ = false;
};

}  // namespace torchelastic::process
