// Two modes: looking for the end of a line, and showing a line whose end was found.
#include "process/line_assembler.h"

#include <algorithm>

namespace torchelastic::process {

LineAssembler::Want LineAssembler::next() const {
    if (!replaying()) return {scanned_, kChunk};
    return {at_, static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, end_ - at_))};
}

void LineAssembler::take(std::string_view bytes, std::string& shown) {
    if (replaying()) {
        show_known_line(bytes, shown);
    } else {
        show_lines(bytes, shown);
    }
}

void LineAssembler::show_lines(std::string_view bytes, std::string& shown) {
    while (!bytes.empty()) {
        const auto newline = bytes.find('\n');
        if (newline == std::string_view::npos) {
            scanned_ += bytes.size();
            return;
        }
        const auto length = newline + 1;
        scanned_ += length;
        if (scanned_ - at_ > length) {
            end_ = scanned_;  // it began in bytes that are no longer here
            return;
        }
        shown += prefix_;
        shown += bytes.substr(0, length);
        at_ = scanned_;
        bytes.remove_prefix(length);
    }
}

void LineAssembler::show_known_line(std::string_view bytes, std::string& shown) {
    if (bytes.empty()) return restart(shown);  // what was there before is gone
    if (!within_) shown += prefix_;
    shown += bytes;
    at_ += bytes.size();
    within_ = at_ < end_;
    if (within_) return;
    if (add_newline_) shown += '\n';
    add_newline_ = false;
}

void LineAssembler::finish() {
    if (replaying() || at_ == scanned_) return;
    end_ = scanned_;
    add_newline_ = true;
}

void LineAssembler::restart(std::string& shown) {
    if (within_) shown += '\n';
    at_ = 0;
    scanned_ = 0;
    end_ = 0;
    within_ = false;
    add_newline_ = false;
}

}  // namespace torchelastic::process
