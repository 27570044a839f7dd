// Starts and watches the workers; their end is a loop of look, decide (stopping.h), act.
#include "process/group.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "process/child.h"
#include "process/stopping.h"

namespace torchelastic::process {

namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr auto kLongestPause = std::chrono::milliseconds(50);
constexpr auto kLongestWait = std::chrono::hours(1);
constexpr auto kForever = std::chrono::hours(24 * 3650);
constexpr auto kLastWait = std::chrono::seconds(1);

struct Member {
    int local_rank;
    pid_t pid;
    Child child;
    bool reported = false;  // its exit event was delivered
};

}  // namespace

struct Group::State {
    State(net::Loop& on, Reaper& by, ExitHandler handler)
        : loop(on), reaper(by), exited(std::move(handler)), timer(on) {}

    void own(int local_rank, pid_t pid, const std::shared_ptr<State>& self);
    void on_exit(Member& member, ExitStatus status, WallTime at);
    std::size_t running() const;

    void ask(int signal);
    void step();
    void wait();
    void kill_all();
    void finish();
    void end();

    const Member* worker(pid_t pid) const;
    std::set<pid_t> spared() const;
    void look();

    net::Loop& loop;
    Reaper& reaper;
    ExitHandler exited;
    net::Timer timer;
    std::vector<Member> members;
    bool over = false;  // nothing below is ours to end

    StopHandler done;
    Instant grace_end = Instant::max();
    std::optional<Instant> kill_end;
    Duration kill_limit = std::chrono::seconds(30);
    Duration pause = kFirstPause;
    std::vector<Process> left;  // as of the last look
};

void Group::State::own(int local_rank, pid_t pid, const std::shared_ptr<State>& self) {
    const auto ended = [weak = std::weak_ptr<State>(self), index = members.size()](
                           ExitStatus status, WallTime at) {
        if (const auto state = weak.lock()) state->on_exit(state->members[index], status, at);
    };
    members.push_back({local_rank, pid, Child::own(loop, reaper, pid, ended), false});
}

// The handler may destroy the Group: on_exit is called with a reference to the state held.
void Group::State::on_exit(Member& member, ExitStatus status, WallTime at) {
    member.reported = true;
    const ExitHandler handler = exited;  // outlives the Group
    if (handler) handler({member.local_rank, member.pid, status, at});
    if (done) step();
}

std::size_t Group::State::running() const {
    return static_cast<std::size_t>(std::count_if(
        members.begin(), members.end(), [](const Member& member) { return !member.reported; }));
}

const Member* Group::State::worker(pid_t pid) const {
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const Member& member) { return member.pid == pid; });
    return found == members.end() ? nullptr : &*found;
}

/// Children of this process that are not of this group.
std::set<pid_t> Group::State::spared() const {
    std::set<pid_t> others;
    for (const pid_t pid : reaper.own()) {
        const Member* member = worker(pid);
        if (member == nullptr || member->child.status()) others.insert(pid);
    }
    return others;
}

/// Finds what is below this process. Without /proc nothing can be found.
void Group::State::look() {
    left.clear();
    reaper.reap();
    if (Reaper::childless()) return;
    auto found = descendants(::getpid(), spared());
    if (found) left = std::move(*found);
}

void Group::State::ask(int signal) {
    bool some_exited = false;
    for (Member& member : members) {
        some_exited = some_exited || member.child.status();
        member.child.signal_group(signal);
        if (signal != SIGSTOP && signal != SIGTSTP) member.child.signal_group(SIGCONT);
    }
    if (!some_exited) return;
    // A dead leader's group is signalled one by one: its number may be another's meanwhile.
    look();
    for (const Process& process : left) {
        const auto leader = std::find_if(members.begin(), members.end(), [&](const Member& member) {
            return member.pid == process.group;
        });
        if (leader != members.end() && leader->child.status()) signal_process(process, signal);
    }
}

void Group::State::step() {
    const Instant now = std::chrono::steady_clock::now();
    Sight sight;
    sight.workers = running();
    sight.grace_over = now >= grace_end;
    sight.limit_over = kill_end && now >= *kill_end;
    if (sight.workers == 0 || sight.grace_over) {
        look();
        for (const Process& process : left) {
            if (worker(process.pid) != nullptr) continue;
            ++(worker(process.group) != nullptr ? sight.members : sight.escaped);
        }
    }
    switch (next_move(sight)) {
        case Move::wait:
            return wait();
        case Move::kill:
            return kill_all();
        case Move::finish:
            return finish();
    }
}

/// Workers wake us as they exit; for the others in their groups we look again, ever more rarely.
void Group::State::wait() {
    const Duration rest = grace_end - std::chrono::steady_clock::now();
    Duration after = std::min<Duration>(rest, kLongestWait);
    if (running() == 0) {
        after = std::min(rest, pause);
        pause = std::min<Duration>(pause * 2, kLongestPause);
    }
    timer.arm(after, [this] { step(); });
}

void Group::State::kill_all() {
    const Instant now = std::chrono::steady_clock::now();
    if (!kill_end) {
        kill_end = now + kill_limit;
        pause = kFirstPause;
    }
    grace_end = now;
    for (Member& member : members) {
        member.child.signal_group(SIGKILL);
    }
    for (const Process& process : left) {
        signal_process(process, SIGKILL);
    }
    timer.arm(pause, [this] { step(); });
    pause = std::min<Duration>(pause * 2, kLongestPause);
}

void Group::State::finish() {
    over = true;
    timer.cancel();
    for (Member& member : members) {
        if (!member.reported) member.child.abandon();
    }
    const StopHandler call = std::exchange(done, nullptr);
    call(std::exchange(left, {}));
}

/// What a destructor can do: kill, and wait a little.
void Group::State::end() {
    exited = nullptr;
    done = nullptr;
    timer.cancel();
    if (std::exchange(over, true)) return;
    const auto give_up = std::chrono::steady_clock::now() + kLastWait;
    for (;;) {
        for (Member& member : members) {
            member.child.signal_group(SIGKILL);
        }
        look();
        const bool alive = std::any_of(members.begin(), members.end(),
                                       [](const Member& member) { return !member.child.status(); });
        if (!alive && left.empty()) return;
        for (const Process& process : left) {
            signal_process(process, SIGKILL);
        }
        if (std::chrono::steady_clock::now() >= give_up) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (Member& member : members) {
        member.child.abandon();
    }
}

// All are forked before the first is awaited: on a busy node, or from a cold file system, an exec
// takes long.
Result<Group> Group::start(net::Loop& loop, Reaper& reaper, const std::vector<Worker>& workers,
                           ExitHandler exited) {
    const auto of = [](const Worker& worker) {
        return "local rank " + std::to_string(worker.local_rank);
    };
    Group group(std::make_shared<State>(loop, reaper, std::move(exited)));
    std::vector<Starting> forked;  // in case of failure these end first
    forked.reserve(workers.size());
    for (const Worker& worker : workers) {
        auto starting = fork_for(worker.command, worker.stdio);
        if (!starting) return failure(std::move(starting).error().because(of(worker)));
        forked.push_back(std::move(*starting));
    }
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const Worker& worker = workers[i];
        auto pid = std::move(forked[i]).await(worker.command, worker.stdio);
        if (!pid) return failure(std::move(pid).error().because(of(worker)));
        group.state_->own(worker.local_rank, *pid, group.state_);
    }
    return group;
}

Group::Group(std::shared_ptr<State> state) : state_(std::move(state)) {}
Group::Group(Group&&) noexcept = default;

Group& Group::operator=(Group&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Group::~Group() {
    if (state_) state_->end();
}

void Group::stop(int signal, Duration grace, StopHandler done) {
    const Instant now = std::chrono::steady_clock::now();
    state_->done = std::move(done);
    if (signal == SIGKILL) grace = Duration::zero();
    state_->grace_end = std::min(state_->grace_end, now + std::min<Duration>(grace, kForever));
    state_->ask(signal);
    state_->timer.arm(Duration::zero(), [state = state_.get()] { state->step(); });
}

void Group::limit_kill(Duration limit) {
    state_->kill_limit = limit;
}

std::size_t Group::running() const {
    return state_->running();
}

pid_t Group::pid(int local_rank) const {
    for (const Member& member : state_->members) {
        if (member.local_rank == local_rank) return member.pid;
    }
    return 0;
}

std::vector<pid_t> Group::running_pids() const {
    std::vector<pid_t> pids;
    for (const Member& member : state_->members)
        pids.push_back(member.child.status() ? 0 : member.pid);
    return pids;
}

}  // namespace torchelastic::process
