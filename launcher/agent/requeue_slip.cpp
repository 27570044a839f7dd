// The word on the slip.
#include "agent/requeue_slip.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "base/text.h"

namespace torchelastic::agent {

RequeueSlip::RequeueSlip(const Environment& environment) {
    const auto named = environment.find("TORCHELASTIC_STEP_REQUEUE");
    const auto fd = named == environment.end() ? std::nullopt : parse_int(named->second);
    if (!fd || *fd <= STDERR_FILENO || *fd > std::numeric_limits<int>::max()) return;
    if (::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC) == 0) file_ = Fd(static_cast<int>(*fd));
}

void RequeueSlip::conclude(coordinator::Outcome outcome) {
    using coordinator::Outcome;
    if (outcome == Outcome::interrupted) return told_to_end();
    const bool lost = outcome == Outcome::agent_lost || outcome == Outcome::coordinator_lost;
    write(lost ? "node" : "");
}

void RequeueSlip::write(const char* word) {
    if (!file_) return;
    [[maybe_unused]] const int emptied = ::ftruncate(file_.get(), 0);
    [[maybe_unused]] const ssize_t written = ::pwrite(file_.get(), word, std::strlen(word), 0);
}

}  // namespace torchelastic::agent
