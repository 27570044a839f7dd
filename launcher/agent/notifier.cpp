// Signals are for those who listen: nobody dies of a notice.
#include "agent/notifier.h"

#include <utility>

#include <fmt/format.h>

#include "base/signal_name.h"
#include "base/text.h"
#include "process/notify.h"

namespace torchelastic::agent {

namespace {

constexpr Duration kLook = std::chrono::milliseconds(200);
constexpr auto kWithoutDeadline = std::chrono::minutes(1);

WallTime wall_clock() {
    return std::chrono::system_clock::now();
}

}  // namespace

void Notifier::use(const std::string& path) {
    if (std::exchange(path_, path) != path) write();
}

void Notifier::begin() {
    if (!pending_ || expired()) return;
    expect_all();
    timer_.arm(kLook, [this] { signal_listeners(); });
}

void Notifier::leave(const Notice& notice) {
    number_ += 1;
    latest_ = notice;
    write();
}

void Notifier::write() {
    if (path_.empty()) return;
    auto left = write_notice(path_, notice_document(latest_, number_, wall_clock()));
    if (left || std::exchange(warned_, true)) return;
    log_.warning("no notice for the workers: " + left.error().text());
}

void Notifier::notify(Notice notice, bool have_it) {
    leave(notice);
    until_ = notice.deadline.value_or(wall_clock() + kWithoutDeadline);
    pending_ = std::move(notice);
    deaf_.clear();
    if (have_it) return;
    expect_all();
    signal_listeners();
    if (deaf_.empty()) return;
    const bool one = deaf_.size() == 1;
    log_.warning(fmt::format("{} here {} no handler for {}, which would end {}: not sent",
                             count(deaf_.size(), "worker"), one ? "has" : "have",
                             signal_name(pending_->signal), one ? "it" : "them"));
}

void Notifier::end() {
    deaf_.clear();
    timer_.cancel();
    // What nobody gave a deadline was for those workers.
    if (pending_ && !pending_->deadline) pending_.reset();
}

void Notifier::expect_all() {
    for (std::size_t rank = 0; rank < running_().size(); ++rank)
        deaf_.insert(rank);
}

void Notifier::signal_listeners() {
    const std::vector<pid_t> workers = running_();
    for (auto rank = deaf_.begin(); rank != deaf_.end();) {
        const pid_t worker = *rank < workers.size() ? workers[*rank] : 0;
        const bool told = worker == 0 || process::notify_tree(worker, pending_->signal) > 0;
        rank = told ? deaf_.erase(rank) : std::next(rank);
    }
    if (!deaf_.empty() && !expired()) timer_.arm(kLook, [this] { signal_listeners(); });
}

bool Notifier::expired() const {
    return wall_clock() > until_;
}

}  // namespace torchelastic::agent
