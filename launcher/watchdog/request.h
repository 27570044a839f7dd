// What workers write into the watchdog's pipe: the protocol of torch's FileTimerClient (torch 1.13
// to 2.14). Pure: bytes in, requests out.
#pragma once

#include <climits>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torchelastic::watchdog {

/// One line: {"version": 1, "pid": 4711, "scope_id": "train.py#12", "expiration_time": 1.7e9,
/// "signal": 9}.
struct Request {
    int pid = 0;
    std::string scope;
    double expires = 0;  ///< seconds since the epoch; negative: the timer is released
    int signal = 0;      ///< 0: nobody is to be killed

    bool releases() const { return expires < 0; }
    bool operator==(const Request&) const = default;
};

/// Anyone can write anything into the pipe: what is no request is an error, never believed in part.
Result<Request> parse_request(std::string_view line);

/// Cuts what a pipe gives into lines. Clients write at most PIPE_BUF bytes a line, which the kernel
/// keeps whole; what is longer is nobody's request, and skipped to its end.
class Lines {
public:
    static constexpr std::size_t kLongest = PIPE_BUF;

    /// The lines that `bytes` complete, in order, without their ends.
    std::vector<std::string> take(std::string_view bytes);

    /// How many lines were longer than a request can be, so far.
    std::size_t skipped() const { return skipped_; }

private:
    std::string begun_;
    bool skipping_ = false;
    std::size_t skipped_ = 0;
};

}  // namespace torchelastic::watchdog
