// Followers read files, a sink writes what they show to one console, in turns.
#include "process/output.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <list>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "process/console.h"
#include "process/line_assembler.h"

namespace torchelastic::process {

namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);  // where inotify fails
constexpr int kTurns = 16;  // of one chunk each, before other handlers have theirs

struct Follower {
    Fd file;
    LineAssembler lines;
    int watch = -1;
    bool dirty = true;    // there may be more to read
    bool finish = false;  // nobody writes it any more

    /// Reads one chunk and shows what it completes. False if there is nothing more for good.
    bool advance(std::string& shown) {
        std::array<char, LineAssembler::kChunk> chunk;
        const auto want = lines.next();
        const bool replaying = lines.replaying();
        const ssize_t got =
            ::pread(file.get(), chunk.data(), want.size, static_cast<off_t>(want.offset));
        lines.take({chunk.data(), got > 0 ? static_cast<std::size_t>(got) : 0}, shown);
        if (got > 0 || replaying || was_emptied(shown)) return true;
        if (finish) lines.finish();
        dirty = lines.replaying();
        return dirty || !finish;
    }

    bool was_emptied(std::string& shown) {
        struct stat status = {};
        if (::fstat(file.get(), &status) != 0) return false;
        if (static_cast<std::uint64_t>(status.st_size) >= lines.scanned_to()) return false;
        lines.restart(shown);
        return true;
    }
};

struct Sink {
    Sink(net::Loop& loop, int fd) : console(loop, fd) {}

    Console console;
    std::list<Follower> followers;  // the first has the next turn
    bool waiting = false;           // for the console
    bool posted = false;
};

}  // namespace

struct Output::State : std::enable_shared_from_this<Output::State> {
    State(net::Loop& on, int out, int err)
        : loop(on), poll(on), limit(on), sinks{Sink(on, out), Sink(on, err)} {
        shared = Console::same(out, err);
    }

    Sink& sink(Shown where) { return sinks[where == Shown::err && !shared ? 1 : 0]; }
    void open_inotify();
    void on_events(int fd);
    void arm_poll();
    void pump(Sink& sink);
    bool turn(Sink& sink);
    void post_pump(Sink& sink);
    void check_done();
    void arm_limit();
    void give_up();
    void report(bool complete);

    Duration patience{};  // of finish(), with a console that takes nothing
    bool moved = false;   // something was shown since
    net::Loop& loop;
    net::Timer poll;
    net::Timer limit;
    std::array<Sink, 2> sinks;
    bool shared;
    bool polling = false;
    int inotify = -1;  // events'
    std::optional<net::Readable> events;
    std::function<void(bool)> done;
};

void Output::State::open_inotify() {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    inotify = fd.get();
    if (fd) events.emplace(loop, std::move(fd), [this](int source) { on_events(source); });
}

void Output::State::on_events(int fd) {
    alignas(inotify_event) char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        for (const char* at = buffer; at < buffer + got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            const bool lost = (event->mask & IN_Q_OVERFLOW) != 0;
            for (Sink& sink : sinks) {
                for (Follower& follower : sink.followers) {
                    if (lost || follower.watch == event->wd) follower.dirty = true;
                }
            }
            at += sizeof(inotify_event) + event->len;
        }
    }
    for (Sink& sink : sinks) {
        pump(sink);
    }
}

void Output::State::arm_poll() {
    polling = true;
    poll.arm(kPoll, [this] {
        bool any = false;
        for (Sink& sink : sinks) {
            for (Follower& follower : sink.followers) {
                if (follower.watch >= 0) continue;
                any = follower.dirty = true;
            }
            pump(sink);
        }
        polling = false;
        if (any) arm_poll();
    });
}

/// Gives one follower its turn. False if none has anything to do.
bool Output::State::turn(Sink& sink) {
    auto& followers = sink.followers;
    for (std::size_t tried = 0; tried < followers.size(); ++tried) {
        Follower& first = followers.front();
        if (first.dirty) {
            if (!first.advance(sink.console.pending())) {
                followers.pop_front();
            } else if (!first.lines.within_line()) {
                followers.splice(followers.end(), followers, followers.begin());
            }
            return true;
        }
        followers.splice(followers.end(), followers, followers.begin());
    }
    return false;
}

void Output::State::pump(Sink& sink) {
    if (sink.waiting || sink.posted) return;
    const auto writable = [this, &sink] {
        sink.waiting = false;
        pump(sink);
    };
    for (int turns = 0; sink.console.flush(writable); ++turns) {
        if (sink.console.closed()) sink.followers.clear();
        if (turns == kTurns) return post_pump(sink);
        if (!turn(sink)) return check_done();
        moved = true;
    }
    sink.waiting = true;
}

void Output::State::post_pump(Sink& sink) {
    sink.posted = true;
    loop.post([weak = weak_from_this(), &sink] {
        const auto state = weak.lock();
        if (!state) return;
        sink.posted = false;
        state->pump(sink);
    });
}

void Output::State::check_done() {
    if (!done) return;
    for (const Sink& sink : sinks) {
        if (!sink.followers.empty() || sink.waiting) return;
    }
    report(true);
}

/// A slow console is waited for as long as it takes something.
void Output::State::arm_limit() {
    moved = false;
    limit.arm(patience, [this] { moved ? arm_limit() : give_up(); });
}

void Output::State::give_up() {
    for (Sink& sink : sinks) {
        if (!sink.followers.empty() && sink.followers.front().lines.within_line()) {
            sink.console.pending() += '\n';
        }
        sink.followers.clear();
    }
    report(false);
}

void Output::State::report(bool complete) {
    limit.cancel();
    events.reset();
    inotify = -1;
    // Posted: whoever is told may destroy us, and we may be in the middle of a round of sinks.
    loop.post([weak = weak_from_this(), complete, call = std::exchange(done, nullptr)] {
        if (weak.lock()) call(complete);
    });
}

Output::Output(net::Loop& loop, int out, int err)
    : state_(std::make_shared<State>(loop, out, err)) {
    ::signal(SIGPIPE, SIG_IGN);
}

Output::~Output() = default;
Output::Output(Output&&) noexcept = default;
Output& Output::operator=(Output&&) noexcept = default;

Result<void> Output::follow(const std::string& path, Shown where, std::string prefix) {
    Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!file) return failure(Error::from_errno("follow " + path));
    if (state_->inotify < 0) state_->open_inotify();
    const int watch = ::inotify_add_watch(state_->inotify, path.c_str(), IN_MODIFY);
    Sink& sink = state_->sink(where);
    sink.followers.push_back({std::move(file), LineAssembler(std::move(prefix)), watch});
    if (watch < 0 && !state_->polling) state_->arm_poll();
    if (!sink.posted) state_->post_pump(sink);
    return {};
}

void Output::finish(Duration limit, std::function<void(bool)> done) {
    state_->done = std::move(done);
    for (Sink& sink : state_->sinks) {
        for (Follower& follower : sink.followers) {
            follower.dirty = follower.finish = true;
        }
        if (!sink.waiting && !sink.posted) state_->post_pump(sink);
    }
    state_->patience = limit;
    state_->arm_limit();
}

}  // namespace torchelastic::process
