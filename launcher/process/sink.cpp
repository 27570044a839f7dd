// Turns.
#include "process/sink.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace torchelastic::process {

namespace {

constexpr int kTurns = 16;  // of one piece each, before other handlers have theirs
constexpr std::size_t kKept = 1UL << 20;

}  // namespace

Sink::Sink(net::Loop& loop, int fd, std::string name)
    : loop_(loop), name_(std::move(name)), console_(loop, fd) {}

Sink::Sink(net::Loop& loop, Fd file, std::string name)
    : loop_(loop), name_(std::move(name)), file_(std::move(file)), console_(loop, file_.get()) {}

Consoles Consoles::of(net::Loop& loop, int out, int err) {
    auto first = std::make_shared<Sink>(loop, out, "stdout");
    if (Console::same(out, err)) return {first, first};
    return {std::move(first), std::make_shared<Sink>(loop, err, "stderr")};
}

void Sink::add(std::shared_ptr<Source> source) {
    sources_.push_back(std::move(source));
    post_pump();
}

void Sink::queue(const Source& source) {
    const auto found = std::find_if(sources_.begin(), sources_.end(),
                                    [&](const auto& each) { return each.get() == &source; });
    if (found == sources_.end() || source.within_line()) return;
    sources_.splice(sources_.end(), sources_, found);
}

void Sink::say(std::string_view words) {
    if (words_.size() + words.size() > kKept) {
        dropped_ += words.size();
        return;
    }
    words_ += words;
    pump();
}

void Sink::speak(std::string& shown) {
    if (midline_) shown += '\n';
    midline_ = false;
    shown += words_;
    words_.clear();
    if (dropped_ == 0) return;
    shown += fmt::format("torchelastic: {} bytes of messages found no reader\n",
                         std::exchange(dropped_, 0));
}

/// What the source has shown last is a line, too.
void Sink::end(const Source& source, std::string& shown) {
    if (speaker_ != &source) return;
    if (std::exchange(midline_, false)) {
        shown += '\n';
        owes_ = true;
    }
    speaker_ = nullptr;  // its address may be another's next
}

/// Gives one source its turn, or us. False if nobody has anything to do.
bool Sink::turn() {
    std::string& shown = console_.pending();
    const bool held = !sources_.empty() && sources_.front()->within_line();
    if (!held && !words_.empty()) {
        speak(shown);
        return true;
    }
    for (std::size_t tried = 0; tried < sources_.size(); ++tried) {
        Source& first = *sources_.front();
        if (first.dirty()) {
            const bool more = first.advance(shown);
            if (!shown.empty()) {
                owes_ = true;
                if (midline_ && speaker_ != &first) shown.insert(0, 1, '\n');
                speaker_ = &first;
                midline_ = shown.back() != '\n';
            }
            if (!more) {
                end(first, shown);
                sources_.pop_front();
            } else if (!first.within_line()) {
                sources_.splice(sources_.end(), sources_, sources_.begin());
            }
            return true;
        }
        if (held) return false;
        sources_.splice(sources_.end(), sources_, sources_.begin());
    }
    return false;
}

void Sink::pump() {
    if (waiting_ || posted_) return;
    const auto writable = [this] {
        waiting_ = false;
        pump();
    };
    for (int turns = 0; console_.flush(writable); ++turns) {
        owes_ = false;
        if (console_.closed()) abandon();
        if (turns == kTurns) return post_pump();
        if (!turn()) {
            if (handlers_.rested) handlers_.rested();
            return;
        }
    }
    waiting_ = true;
    if (console_.full() && handlers_.full) handlers_.full(!std::exchange(told_full_, true));
}

void Sink::post_pump() {
    if (std::exchange(posted_, true)) return;
    loop_.post([weak = weak_from_this()] {
        const auto again = weak.lock();
        if (!again) return;
        again->posted_ = false;
        again->pump();
    });
}

void Sink::finish() {
    for (const auto& source : sources_) {
        source->finish();
    }
    if (!waiting_) post_pump();
}

void Sink::forsake() {
    abandon();
    owes_ = waiting_ = false;
}

void Sink::abandon() {
    sources_.clear();
    speaker_ = nullptr;
    if (console_.closed()) words_.clear();
}

}  // namespace torchelastic::process
