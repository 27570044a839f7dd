// What a call that can fail returns. An error is a story that grows outward: every level that
// knows more puts one clause in front, and only the top prints it, once.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace torchelastic {

/// Why something could not be done, in words for people: lowercase clauses from the outermost
/// attempt to the innermost cause, joined by ": ".
class Error {
public:
    explicit Error(std::string text) : text_(std::move(text)) {}

    /// The errno of a failed system call, read at once: "<attempt>: no such file or directory".
    static Error from_errno(std::string_view attempt);
    static Error from_errno(std::string_view attempt, int code);

    /// The same error as seen by a caller that was attempting `outer`.
    Error because(std::string_view outer) &&;

    const std::string& text() const { return text_; }

private:
    std::string text_;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Error error) {
    return tl::unexpected<Error>(std::move(error));
}
inline tl::unexpected<Error> failure(std::string text) {
    return tl::unexpected<Error>(Error(std::move(text)));
}

}  // namespace torchelastic
