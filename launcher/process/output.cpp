// Followers read files, pipes are read as they fill, sinks show what they have in turns.
#include "process/output.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>
#include <utility>

#include "base/fd.h"
#include "process/follower.h"
#include "process/worker_pipe.h"

namespace torchelastic::process {

namespace {

constexpr auto kPause = std::chrono::milliseconds(10);  // between looks at a file that grows
constexpr auto kPoll = std::chrono::milliseconds(100);  // at one that inotify cannot watch
constexpr auto kAge = std::chrono::milliseconds(500);   // half of what a line may take
constexpr auto kGrowth = std::chrono::seconds(1);

/// Lines of one stream that are copied.
struct Duplicate {
    std::shared_ptr<Sink> to;
    LineFilter filter;
};

/// Those that still have something to show: their sink owns them.
template <typename Kind>
class Sources {
public:
    void add(const std::shared_ptr<Kind>& source) { sources_.push_back(source); }
    void clear() { sources_.clear(); }
    bool empty() const { return sources_.empty(); }

    template <typename Call>
    void each(Call call) const {
        for (const auto& weak : sources_) {
            if (const auto source = weak.lock()) call(*source);
        }
    }

private:
    std::vector<std::weak_ptr<Kind>> sources_;
};

}  // namespace

struct Output::State : std::enable_shared_from_this<Output::State> {
    State(net::Loop& on, Consoles shown_on, OutputHandlers call)
        : loop(on),
          handlers(std::move(call)),
          pause(on),
          age(on),
          growth(on),
          limit(on),
          consoles{std::move(shown_on.out), std::move(shown_on.err)} {
        forget_duplicates();
    }

    static std::size_t index(Shown stream) { return stream == Shown::out ? 0 : 1; }
    void forget_duplicates();
    void attend(const std::shared_ptr<Sink>& sink);
    void open_inotify();
    Result<void> open_epoll();
    Result<void> follow(const std::shared_ptr<Sink>& sink, const std::string& path,
                        LineAssembler lines);
    void on_events(int fd);
    void on_pipes(int fd);
    void rest();
    void rest_files();
    void rest_pipes();
    void wake();
    void pump();
    void note_growth();
    void tell_no_room(Sink& sink, bool first);
    void check_done();
    std::uint64_t taken() const;
    void arm_limit();
    void give_up();
    void report(bool complete);

    net::Loop& loop;
    OutputHandlers handlers;
    net::Timer pause;
    net::Timer age;
    net::Timer growth;
    net::Timer limit;
    bool pausing = false;
    bool aging = false;
    bool noted = false;        // growth is armed
    bool hurried = false;      // what is in pipes is not waited for longer than what is in files
    Duration patience{};       // of finish(), with a console that takes nothing
    std::uint64_t before = 0;  // what consoles had taken when it began
    std::array<std::shared_ptr<Sink>, 2> consoles;  // perhaps one and the same
    std::array<std::optional<Duplicate>, 2> duplicates;
    std::vector<std::shared_ptr<Sink>> sinks;  // all of them, each once
    Sources<Follower> followers;
    Sources<WorkerPipe> pipes;
    std::vector<Fd> workers_ends;
    int inotify = -1;  // events'
    std::optional<net::Readable> events;
    int epoll = -1;  // filling's
    std::optional<net::Readable> filling;
    std::function<void(bool)> done;
};

void Output::State::forget_duplicates() {
    duplicates = {};
    sinks = {consoles[0]};
    if (consoles[1] != consoles[0]) sinks.push_back(consoles[1]);
}

void Output::State::attend(const std::shared_ptr<Sink>& sink) {
    const auto weak = weak_from_this();
    sink->attend({.rested =
                      [weak] {
                          const auto state = weak.lock();
                          if (!state) return;
                          state->rest();
                          state->check_done();
                      },
                  .full =
                      [weak, each = sink.get()](bool first) {
                          if (const auto state = weak.lock()) state->tell_no_room(*each, first);
                      }});
}

void Output::State::open_inotify() {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    inotify = fd.get();
    if (fd) events.emplace(loop, std::move(fd), [this](int source) { on_events(source); });
}

Result<void> Output::State::open_epoll() {
    if (epoll >= 0) return {};
    Fd fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!fd) return failure(Error::from_errno("watch the workers' pipes"));
    epoll = fd.get();
    filling.emplace(loop, std::move(fd), [this](int source) { on_pipes(source); });
    return {};
}

Result<void> Output::State::follow(const std::shared_ptr<Sink>& sink, const std::string& path,
                                   LineAssembler lines) {
    auto follower = Follower::open(path, std::move(lines));
    if (!follower) return failure(std::move(follower).error());
    if (inotify < 0) open_inotify();
    (*follower)->watch_by(inotify);
    followers.add(*follower);
    sink->add(*follower);
    return {};
}

void Output::State::on_events(int fd) {
    alignas(inotify_event) char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        for (const char* at = buffer; at < buffer + got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            followers.each([event](Follower& each) { each.on_event(event->wd); });
            at += sizeof(inotify_event) + event->len;
        }
    }
    pump();
}

void Output::State::on_pipes(int fd) {
    std::array<epoll_event, 64> found;
    const int count = ::epoll_wait(fd, found.data(), static_cast<int>(found.size()), 0);
    for (int i = 0; i < count; ++i) {
        auto& pipe = *static_cast<WorkerPipe*>(found[static_cast<std::size_t>(i)].data.ptr);
        pipe.wake();
        for (const auto& console : consoles) {
            console->queue(pipe);  // epoll tells who was first
        }
    }
    pump();
}

/// What is not on watch is looked at again after a pause.
void Output::State::rest() {
    rest_files();
    rest_pipes();
}

void Output::State::rest_files() {
    if (pausing) return;
    std::optional<Duration> after;
    followers.each([&after](const Follower& each) {
        if (each.dirty() || each.watched()) return;
        if (!after || each.growing()) after = each.growing() ? kPause : kPoll;
    });
    if (!after) return;
    pausing = true;
    pause.arm(*after, [this] { wake(); });
}

void Output::State::rest_pipes() {
    if (aging) return;
    bool some = false;
    pipes.each([&some](const WorkerPipe& each) { some = some || each.ages(); });
    if (!some) return;
    aging = true;
    age.arm(kAge, [this] {
        aging = false;
        pipes.each([](WorkerPipe& each) {
            if (each.ages()) each.age();
        });
        pump();
    });
}

void Output::State::wake() {
    pausing = false;
    bool growing = false;
    followers.each([&growing](Follower& each) {
        growing = growing || each.growing();
        if (!each.watched()) each.wake();
    });
    if (growing) note_growth();
    pump();
}

void Output::State::pump() {
    for (const auto& sink : sinks) {
        sink->pump();
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

/// Nothing is lost while the workers' files keep it. But the end does not wait for a file of ours
/// that nobody makes room for.
void Output::State::tell_no_room(Sink& sink, bool first) {
    if (first && handlers.warn) {
        handlers.warn("no room for lines on " + sink.name() +
                      ": they wait until there is some; the workers go on");
    }
    if (!done || !sink.is_file()) return;
    sink.forsake();
    check_done();
}

void Output::State::check_done() {
    if (!done) return;
    for (const auto& sink : sinks) {
        if (sink->busy()) return;
    }
    report(true);
}

std::uint64_t Output::State::taken() const {
    std::uint64_t bytes = 0;
    for (const auto& sink : sinks) {
        bytes += sink->console().taken();
    }
    return bytes;
}

/// A slow console is waited for as long as it takes something.
void Output::State::arm_limit() {
    before = taken();
    limit.arm(patience, [this] {
        const bool waits = taken() != before || (!pipes.empty() && !hurried);
        waits ? arm_limit() : give_up();
    });
}

void Output::State::give_up() {
    for (const auto& sink : sinks) {
        sink->abandon();
    }
    report(false);
}

void Output::State::report(bool complete) {
    limit.cancel();
    growth.cancel();
    age.cancel();
    events.reset();
    inotify = -1;
    // Posted: whoever is told may destroy us, and we may be in the middle of a round of sinks.
    loop.post([weak = weak_from_this(), complete, call = std::exchange(done, nullptr)] {
        const auto state = weak.lock();
        if (!state) return;
        state->noted = state->aging = false;
        state->followers.clear();
        state->pipes.clear();
        state->forget_duplicates();
        call(complete);
    });
}

Output::Output(net::Loop& loop, Consoles consoles, OutputHandlers handlers)
    : state_(std::make_shared<State>(loop, std::move(consoles), std::move(handlers))) {
    ::signal(SIGPIPE, SIG_IGN);
    for (const auto& sink : state_->sinks) {
        state_->attend(sink);
    }
}

// The consoles outlive us.
Output::~Output() {
    if (!state_) return;
    for (const auto& sink : state_->sinks) {
        sink->attend({});
        sink->abandon();
    }
}

Output::Output(Output&&) noexcept = default;
Output& Output::operator=(Output&&) noexcept = default;

Result<void> Output::duplicate(Shown what, const std::string& path,
                               std::vector<std::string> needles) {
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    if (!file) return failure(Error::from_errno("make " + path));
    auto sink = std::make_shared<Sink>(state_->loop, std::move(file), path);
    state_->attend(sink);
    state_->sinks.push_back(sink);
    state_->duplicates[State::index(what)] = {std::move(sink), LineFilter(std::move(needles))};
    return {};
}

Result<void> Output::follow(const std::string& path, Shown where, const std::string& prefix) {
    if (const auto& copied = state_->duplicates[State::index(where)]) {
        auto added = state_->follow(copied->to, path, LineAssembler(prefix, copied->filter));
        if (!added) return added;
    }
    return state_->follow(state_->consoles[State::index(where)], path, LineAssembler(prefix));
}

Mixing Output::mixing() const {
    const auto& [out, err] = state_->consoles;
    return {!out->console().is_device(), !err->console().is_device(), out == err};
}

Result<int> Output::pipe(Shown where) {
    state_->hurried = false;
    auto watched = state_->open_epoll();
    if (!watched) return failure(std::move(watched).error());
    auto ends = WorkerPipe::open(state_->epoll);
    if (!ends) return failure(std::move(ends).error());
    state_->pipes.add(ends->ours);
    state_->consoles[State::index(where)]->add(std::move(ends->ours));
    state_->workers_ends.push_back(std::move(ends->workers));
    return state_->workers_ends.back().get();
}

void Output::hand_over() {
    state_->workers_ends.clear();
}

void Output::finish(Duration limit, std::function<void(bool)> done) {
    state_->done = std::move(done);
    for (const auto& sink : state_->sinks) {
        sink->finish();
    }
    state_->patience = limit;
    state_->arm_limit();
}

void Output::hurry() {
    state_->hurried = true;
}

}  // namespace torchelastic::process
