// Two states: between lines, and within one that is too long to be held.
#include "process/line_gate.h"

namespace torchelastic::process {

void LineGate::take(std::string_view bytes, std::string& shown) {
    const auto newline = bytes.rfind('\n');
    if (newline != std::string_view::npos) {
        shown += held_;
        held_.clear();
        shown += bytes.substr(0, newline + 1);
        bytes.remove_prefix(newline + 1);
        within_ = old_ = false;
    }
    if (within_) {
        shown += bytes;
        if (!bytes.empty()) old_ = false;
        return;
    }
    held_ += bytes;
    if (held_.size() < kHeld) return;
    finish(shown);
    within_ = true;
}

void LineGate::age(std::string& shown) {
    if (!ages()) return;
    if (!old_) {
        old_ = true;
    } else {
        finish(shown);
    }
}

void LineGate::finish(std::string& shown) {
    shown += held_;
    held_.clear();
    within_ = old_ = false;
}

}  // namespace torchelastic::process
