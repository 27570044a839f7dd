// Two modes: looking for the end of a line, and showing a line whose end was found.
#include "process/line_assembler.h"

#include <algorithm>
#include <utility>

namespace torchelastic::process {

namespace {

/// Nearly every chunk ends within a line. One that is no longer than this is read again together
/// with what follows, instead of alone once its end is known.
constexpr std::uint64_t kShort = LineAssembler::kChunk / 4;

}  // namespace

LineAssembler::LineAssembler(std::string prefix, LineFilter filter)
    : prefix_(std::move(prefix)), filter_(std::move(filter)) {}

LineAssembler::Want LineAssembler::next() const {
    if (!replaying()) return {again_ ? at_ : scanned_, kChunk};
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
    const bool full = bytes.size() == kChunk;  // so that there is more
    std::uint64_t from = next().offset;
    std::size_t known = scanned_ - from;  // of the bytes, to hold no newline
    again_ = false;
    if (bytes.size() <= known) return;
    if (from == at_) filter_.begin();
    for (std::size_t newline = 0; (newline = bytes.find('\n', known)) != std::string_view::npos;
         known = 0) {
        const std::string_view line = bytes.substr(0, newline + 1);
        scanned_ = from + line.size();
        if (from > at_) {  // it began in bytes that are no longer here
            filter_.take(line);
            if (filter_.passed()) {
                end_ = scanned_;
                return;
            }
        } else if (filter_.passes(line)) {
            shown += prefix_;
            shown += line;
        }
        at_ = from = scanned_;
        filter_.begin();
        bytes.remove_prefix(line.size());
    }
    filter_.take(bytes);
    scanned_ = from + bytes.size();
    again_ = full && scanned_ - at_ <= kShort;
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
    if (filter_.passed()) {
        end_ = scanned_;
        add_newline_ = true;
    } else {
        at_ = scanned_;
    }
}

void LineAssembler::restart(std::string& shown) {
    if (within_) shown += '\n';
    at_ = 0;
    scanned_ = 0;
    end_ = 0;
    again_ = false;
    within_ = false;
    add_newline_ = false;
}

}  // namespace torchelastic::process
