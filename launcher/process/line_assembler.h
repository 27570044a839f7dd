// Cuts a file that still grows into whole lines with a prefix, without holding it in memory. Pure:
// it says which bytes it wants and is handed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "process/line_filter.h"

namespace torchelastic::process {

/// Nothing of a line is shown before its end is known: then it is read again. So a line may be as
/// long as it likes, and a progress bar that writes carriage returns for hours holds up nobody.
class LineAssembler {
public:
    static constexpr std::size_t kChunk = 32UL * 1024;

    /// Shows the lines that pass the filter.
    explicit LineAssembler(std::string prefix, LineFilter filter = {});

    struct Want {
        std::uint64_t offset = 0;
        std::size_t size = 0;
    };

    /// The bytes to read next.
    Want next() const;

    /// The bytes found there, at most as many as wanted; empty at the end of the file. Appends to
    /// `shown` what can be shown.
    void take(std::string_view bytes, std::string& shown);

    /// `shown` ends within a line, which the next take() goes on with: nobody else may write.
    bool within_line() const { return within_; }

    /// There is more to take without any growth of the file.
    bool replaying() const { return at_ < end_; }

    /// Nobody writes the file any more and it was taken to its end: what follows the last newline
    /// is a line too, and gets its newline. Take until replaying() is false.
    void finish();

    /// The file is shorter than what was read of it: somebody emptied it, as a shell does that
    /// writes `> /dev/stdout`. Begins again at its start; a line that was half shown ends here.
    void restart(std::string& shown);

    /// Where the first byte stands that was not shown, or passed over.
    std::uint64_t shown_to() const { return at_; }

    /// Where the first byte stands that was not looked at.
    std::uint64_t scanned_to() const { return scanned_; }

private:
    void show_lines(std::string_view bytes, std::string& shown);
    void show_known_line(std::string_view bytes, std::string& shown);

    std::string prefix_;
    LineFilter filter_;  ///< has taken the bytes from at_ to scanned_
    std::uint64_t at_ = 0;
    std::uint64_t scanned_ = 0;  ///< no newline from at_ to here
    std::uint64_t end_ = 0;      ///< beyond at_: the line from at_ to here is known and to be shown
    bool again_ = false;         ///< the next chunk begins at at_, not at scanned_
    bool within_ = false;
    bool add_newline_ = false;
};

}  // namespace torchelastic::process
