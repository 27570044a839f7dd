// Followers read files, a sink writes what they show to one console, in turns.
#include "process/output.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <list>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "process/console.h"
#include "process/follower.h"

namespace torchelastic::process {

namespace {

constexpr auto kPause = std::chrono::milliseconds(10);  // between looks at a file that grows
constexpr auto kPoll = std::chrono::milliseconds(100);  // at one that inotify cannot watch
constexpr auto kGrowth = std::chrono::seconds(1);
constexpr int kTurns = 16;  // of one chunk each, before other handlers have theirs

/// Where lines end: one of the consoles, or a file of lines that somebody looks for.
struct Sink : std::enable_shared_from_this<Sink> {
    Sink(net::Loop& loop, int fd, std::string called)
        : name(std::move(called)), console(loop, fd) {}
    Sink(net::Loop& loop, Fd own, std::string called)
        : name(std::move(called)), file(std::move(own)), console(loop, file.get()) {}

    std::string name;
    Fd file;  // none for a console
    Console console;
    std::list<Follower> followers;  // the first has the next turn
    bool waiting = false;           // for the console
    bool posted = false;
    bool told = false;  // that there is no room
};

/// Lines of one stream that are copied.
struct Duplicate {
    std::shared_ptr<Sink> to;
    LineFilter filter;
};

}  // namespace

struct Output::State : std::enable_shared_from_this<Output::State> {
    State(net::Loop& on, int out, int err, OutputHandlers call)
        : loop(on), handlers(std::move(call)), pause(on), growth(on), limit(on) {
        consoles[0] = std::make_shared<Sink>(on, out, "stdout");
        consoles[1] =
            Console::same(out, err) ? consoles[0] : std::make_shared<Sink>(on, err, "stderr");
        forget_duplicates();
    }

    static std::size_t index(Shown stream) { return stream == Shown::out ? 0 : 1; }
    void forget_duplicates();
    void open_inotify();
    Result<void> add(const std::shared_ptr<Sink>& sink, const std::string& path,
                     LineAssembler lines);
    void on_events(int fd);
    void rest();
    void wake();
    void note_growth();
    void pump(Sink& sink);
    bool turn(Sink& sink);
    void post_pump(Sink& sink);
    void tell_no_room(Sink& sink);
    void check_done();
    void arm_limit();
    void give_up();
    void report(bool complete);

    net::Loop& loop;
    OutputHandlers handlers;
    net::Timer pause;
    net::Timer growth;
    net::Timer limit;
    bool pausing = false;
    bool noted = false;   // growth is armed
    Duration patience{};  // of finish(), with a console that takes nothing
    bool moved = false;   // something was shown since
    std::array<std::shared_ptr<Sink>, 2> consoles;  // perhaps one and the same
    std::array<std::optional<Duplicate>, 2> duplicates;
    std::vector<std::shared_ptr<Sink>> sinks;  // all of them, each once
    int inotify = -1;                          // events'
    std::optional<net::Readable> events;
    std::function<void(bool)> done;
};

void Output::State::forget_duplicates() {
    duplicates = {};
    sinks = {consoles[0]};
    if (consoles[1] != consoles[0]) sinks.push_back(consoles[1]);
}

void Output::State::open_inotify() {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    inotify = fd.get();
    if (fd) events.emplace(loop, std::move(fd), [this](int source) { on_events(source); });
}

Result<void> Output::State::add(const std::shared_ptr<Sink>& sink, const std::string& path,
                                LineAssembler lines) {
    auto follower = Follower::open(path, std::move(lines));
    if (!follower) return failure(std::move(follower).error());
    sink->followers.push_back(std::move(*follower));
    if (inotify < 0) open_inotify();
    if (!sink->posted) post_pump(*sink);
    return {};
}

void Output::State::on_events(int fd) {
    alignas(inotify_event) char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        for (const char* at = buffer; at < buffer + got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            for (const auto& sink : sinks) {
                for (Follower& follower : sink->followers) {
                    follower.on_event(event->wd);
                }
            }
            at += sizeof(inotify_event) + event->len;
        }
    }
    for (const auto& sink : sinks) {
        pump(*sink);
    }
}

/// What is not on watch is looked at again after a pause.
void Output::State::rest() {
    std::optional<Duration> after;
    for (const auto& sink : sinks) {
        for (const Follower& follower : sink->followers) {
            if (follower.dirty() || follower.watched()) continue;
            if (!after || follower.growing()) after = follower.growing() ? kPause : kPoll;
        }
    }
    if (!after || pausing) return;
    pausing = true;
    pause.arm(*after, [this] { wake(); });
}

void Output::State::wake() {
    pausing = false;
    for (const auto& sink : sinks) {
        for (Follower& follower : sink->followers) {
            if (!follower.watched()) follower.wake();
        }
    }
    for (const auto& sink : sinks) {
        pump(*sink);
    }
}

void Output::State::note_growth() {
    if (noted || !handlers.growing) return;
    noted = true;
    growth.arm(kGrowth, [this] {
        noted = false;
        handlers.growing();
    });
}

/// Gives one follower its turn. False if none has anything to do.
bool Output::State::turn(Sink& sink) {
    auto& followers = sink.followers;
    for (std::size_t tried = 0; tried < followers.size(); ++tried) {
        Follower& first = followers.front();
        if (first.dirty()) {
            const bool more = first.advance(inotify, sink.console.pending());
            if (first.growing()) note_growth();
            if (!more) {
                followers.pop_front();
            } else if (!first.within_line()) {
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
        if (!turn(sink)) {
            rest();
            return check_done();
        }
        moved = true;
    }
    sink.waiting = true;
    if (sink.console.full()) tell_no_room(sink);
}

void Output::State::post_pump(Sink& sink) {
    sink.posted = true;
    loop.post([weak = sink.weak_from_this(), state = weak_from_this()] {
        const auto kept = state.lock();
        const auto again = weak.lock();
        if (!kept || !again) return;
        again->posted = false;
        kept->pump(*again);
    });
}

/// Nothing is lost while the workers' files keep it. But the end does not wait for a file of ours
/// that nobody makes room for.
void Output::State::tell_no_room(Sink& sink) {
    if (!sink.told && handlers.warn) {
        handlers.warn("no room for lines on " + sink.name +
                      ": they wait until there is some; the workers go on");
    }
    sink.told = true;
    if (!done || !sink.file) return;
    sink.followers.clear();
    sink.waiting = false;
    check_done();
}

void Output::State::check_done() {
    if (!done) return;
    for (const auto& sink : sinks) {
        if (!sink->followers.empty() || sink->waiting) return;
    }
    report(true);
}

/// A slow console is waited for as long as it takes something.
void Output::State::arm_limit() {
    moved = false;
    limit.arm(patience, [this] { moved ? arm_limit() : give_up(); });
}

void Output::State::give_up() {
    for (const auto& sink : sinks) {
        if (!sink->followers.empty() && sink->followers.front().within_line()) {
            sink->console.pending() += '\n';
        }
        sink->followers.clear();
    }
    report(false);
}

void Output::State::report(bool complete) {
    limit.cancel();
    growth.cancel();
    events.reset();
    inotify = -1;
    // Posted: whoever is told may destroy us, and we may be in the middle of a round of sinks.
    loop.post([weak = weak_from_this(), complete, call = std::exchange(done, nullptr)] {
        const auto state = weak.lock();
        if (!state) return;
        state->noted = false;
        state->forget_duplicates();
        call(complete);
    });
}

Output::Output(net::Loop& loop, int out, int err, OutputHandlers handlers)
    : state_(std::make_shared<State>(loop, out, err, std::move(handlers))) {
    ::signal(SIGPIPE, SIG_IGN);
}

Output::~Output() = default;
Output::Output(Output&&) noexcept = default;
Output& Output::operator=(Output&&) noexcept = default;

Result<void> Output::duplicate(Shown what, const std::string& path,
                               std::vector<std::string> needles) {
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    if (!file) return failure(Error::from_errno("make " + path));
    auto sink = std::make_shared<Sink>(state_->loop, std::move(file), path);
    state_->sinks.push_back(sink);
    state_->duplicates[State::index(what)] = {std::move(sink), LineFilter(std::move(needles))};
    return {};
}

Result<void> Output::follow(const std::string& path, Shown where, const std::string& prefix) {
    if (const auto& copied = state_->duplicates[State::index(where)]) {
        auto added = state_->add(copied->to, path, LineAssembler(prefix, copied->filter));
        if (!added) return added;
    }
    return state_->add(state_->consoles[State::index(where)], path, LineAssembler(prefix));
}

void Output::finish(Duration limit, std::function<void(bool)> done) {
    state_->done = std::move(done);
    for (const auto& sink : state_->sinks) {
        for (Follower& follower : sink->followers) {
            follower.finish();
        }
        if (!sink->waiting && !sink->posted) state_->post_pump(*sink);
    }
    state_->patience = limit;
    state_->arm_limit();
}

}  // namespace torchelastic::process
