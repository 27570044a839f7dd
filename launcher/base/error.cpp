// Clauses of an error, and the names that the C library gives to errno, made lowercase.
#include <cerrno>
#include <cstring>

#include "base/result.h"

namespace torchelastic {

Error Error::from_errno(std::string_view attempt) {
    return from_errno(attempt, errno);
}

Error Error::from_errno(std::string_view attempt, int code) {
    std::string reason = std::strerror(code);
    if (reason.size() > 1 && reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a') {
        reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
    }
    return Error(reason).because(attempt);
}

Error Error::because(std::string_view outer) && {
    text_.insert(0, ": ");
    text_.insert(0, outer);
    return std::move(*this);
}

}  // namespace torchelastic
