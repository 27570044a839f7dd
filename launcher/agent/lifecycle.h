// One agent's life: what it does next, from what it hears of the coordinator, of its workers and
// of the outside. Pure: events in, actions out.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/notice.h"
#include "coordinator/messages.h"

namespace torchelastic::agent {

/// The workers of the assignment run.
struct WorkersStarted {
    std::vector<std::int64_t> pids;  ///< by local rank
};
/// One worker ended; with 0 if there is no failure. `ordered` is filled in by the lifecycle.
struct WorkerEnded {
    int local_rank = 0;
    std::optional<coordinator::WorkerFailure> failure;
};
/// No worker, and no descendant of one, is left.
struct AllStopped {};
/// Someone outside asked this process to end.
struct Signalled {
    int signal = 0;
};
/// The connection to the coordinator is gone: what follows is NewCoordinator or NoCoordinator.
struct LinkLost {
    std::string why;
};
/// Another agent coordinates now, and knows of this one.
struct NewCoordinator {};
/// None does, and none will.
struct NoCoordinator {
    std::string why;
};
/// Announce could not be done: this node has no port for the workers' store.
struct CannotAnnounce {
    std::string why;
};

using Event = std::variant<coordinator::Assignment, coordinator::Stop, coordinator::Finish,
                           WorkersStarted, WorkerEnded, AllStopped, Signalled, LinkLost,
                           NewCoordinator, NoCoordinator, CannotAnnounce>;

/// Tell the coordinator.
struct Tell {
    coordinator::Up message;
};
/// Take a fresh port for the next round's store and tell the coordinator Ready.
struct Announce {};
struct StartWorkers {
    coordinator::Assignment assignment;
};
/// Signal the workers, kill what is left after the grace, and say AllStopped.
struct StopWorkers {
    int signal = 0;
    Notice::Event why = Notice::Event::end;  ///< for the workers, with the reason
    std::string reason;
};
/// Nothing is left to do: exit with the verdict's code.
struct Exit {
    coordinator::Verdict verdict;
};

using Action = std::variant<Tell, Announce, StartWorkers, StopWorkers, Exit>;

class Lifecycle {
public:
    /// `workers`: how many each round has on this node.
    explicit Lifecycle(int workers) : workers_(workers) {}

    /// The first actions, once the coordinator is known and has our Hello: take part, or say why
    /// not.
    std::vector<Action> begin(const std::optional<std::string>& trouble = std::nullopt);

    std::vector<Action> handle(const Event& event);

    /// What is done when, as docs/rendezvous.md has it.
    static std::string table();

    /// The coordinator is lost, and this agent would go on with another.
    bool seeks_coordinator() const { return state_ == State::bereft || state_ == State::orphaned; }

    /// "waiting", "running" and so on: the names of its states.
    std::string_view state() const;

private:
    enum class State {
        waiting,   ///< announced, no workers
        running,   ///< workers of the assignment run
        stopping,  ///< they are being stopped, to announce again
        leaving,   ///< told to go from outside; workers are being stopped; no verdict yet
        left,      ///< the same, and nothing is left
        bereft,    ///< there is no coordinator; workers are being stopped
        orphaned,  ///< the same, and nothing is left
        ending,    ///< the verdict is known; workers are being stopped
        over,
    };
    using Handler = void (Lifecycle::*)(const Event& event);
    static constexpr std::size_t kStates = 9;
    static constexpr std::size_t kEvents = std::variant_size_v<Event>;
    static const Handler kTable[kStates][kEvents];

    void ignore(const Event& event);
    void start(const Event& event);
    void stop(const Event& event);
    void stop_and_end(const Event& event);
    void end_after_stop(const Event& event);
    void end_now(const Event& event);
    void report_started(const Event& event);
    void report_ended(const Event& event);
    void report_victim(const Event& event);
    void announce_again(const Event& event);
    void all_stopped_leaving(const Event& event);
    void all_stopped_ending(const Event& event);
    void leave_idle(const Event& event);
    void leave_running(const Event& event);
    void leave_stopping(const Event& event);
    void insist(const Event& event);
    void admit_trouble(const Event& event);
    void lose_idle(const Event& event);
    void lose_running(const Event& event);
    void lose_stopping(const Event& event);
    void lose_left(const Event& event);
    void lose_leaving(const Event& event);
    void rest(const Event& event);
    void go_on_stopping(const Event& event);
    void despair(const Event& event);
    void despair_stopping(const Event& event);
    void end_alone(const Event& event);
    void end_alone_stopping(const Event& event);
    void hurry(const Event& event);

    void tell(coordinator::Up message);
    void stop_workers(Notice::Event why, const std::string& reason);
    void exit();

    int workers_;
    State state_ = State::waiting;
    coordinator::Assignment assignment_;
    std::set<int> succeeded_;
    int signal_ = 0;
    coordinator::Verdict verdict_;
    std::vector<Action> actions_;
};

}  // namespace torchelastic::agent
