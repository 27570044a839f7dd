// The one actor that decides: forms rounds, hands out ranks, restarts, ends the job. Pure: events
// and the time come in, actions go out; it knows neither sockets nor clocks nor logs.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "coordinator/early_ends.h"
#include "coordinator/formation.h"
#include "coordinator/messages.h"

namespace torchelastic::coordinator {

/// What is fixed before the job begins.
struct Plan {
    std::string run_id;
    std::vector<AgentId> expected;  ///< the members, in the allocation's order
    int min_nodes = 1;
    int max_nodes = 1;
    int max_restarts = 0;  ///< one budget for the whole job; only failed workers cost
    Duration join_timeout = std::chrono::seconds(600);
    Duration reminder = std::chrono::seconds(10);     ///< then the log says who is waited for
    Duration end_timeout = std::chrono::seconds(60);  ///< for everyone to say Ended
};

/// The connection to an agent closed, or stayed silent for too long.
struct Lost {
    std::string why;
};
/// The time that ArmTimer asked for has come.
struct TimeUp {};

struct Event {
    AgentId agent;  ///< whom it is from or about; empty for TimeUp
    std::variant<Hello, Unable, Ready, Started, Failed, Succeeded, Leaving, Ended, Lost, TimeUp>
        what;
};

struct Send {
    AgentId agent;
    Down message;
};
/// Replaces what was armed before.
struct ArmTimer {
    Instant at;
};
/// A decision and its reason, for the log.
struct Note {
    enum class Level { info, warning } level;
    std::string text;
};
/// Everyone has been told and has ended, or is beyond telling. `failures`: causes first, in the
/// order in which the coordinator heard of them; then the victims of the stop that followed.
struct Done {
    Verdict verdict;
    std::vector<WorkerFailure> failures;
};
using Action = std::variant<Send, ArmTimer, Note, Done>;

class Coordinator {
public:
    explicit Coordinator(Plan plan);

    /// The first actions: call once, before any event.
    std::vector<Action> begin(Instant now);

    /// Decides. Events about agents that never said Hello, and those of past rounds, are ignored.
    std::vector<Action> handle(const Event& event, Instant now);

    /// Why an agent that says Hello now cannot take part; nothing if it can.
    std::optional<std::string> refusal(const AgentId& id) const;

    int round() const { return round_; }
    int restart_count() const { return restarts_; }

private:
    enum class Phase { forming, running, stopping, ending, ended };
    enum class Place {
        joined,    ///< said hello; its workers, if any, are being stopped
        ready,     ///< can take part in a round
        assigned,  ///< takes part in the current round
        gone,      ///< lost, left or ended: it never comes back
    };
    struct Agent {
        Card card;
        Ready ready;
        Place place = Place::joined;
    };
    using Handler = void (Coordinator::*)(Agent& agent, const Event& event, Instant now);
    static constexpr std::size_t kPhases = 5;
    static constexpr std::size_t kEvents = std::variant_size_v<decltype(Event::what)>;
    static const Handler kTable[kPhases][kEvents];

    void ignore(Agent& agent, const Event& event, Instant now);
    void on_ready(Agent& agent, const Event& event, Instant now);
    void on_started(Agent& agent, const Event& event, Instant now);
    void on_failed(Agent& agent, const Event& event, Instant now);
    void on_victim(Agent& agent, const Event& event, Instant now);
    void on_succeeded(Agent& agent, const Event& event, Instant now);
    void on_unable(Agent& agent, const Event& event, Instant now);
    void on_leaving(Agent& agent, const Event& event, Instant now);
    void on_lost(Agent& agent, const Event& event, Instant now);
    void on_ended(Agent& agent, const Event& event, Instant now);
    void on_join_timeout(Agent& agent, const Event& event, Instant now);
    void on_stop_timeout(Agent& agent, const Event& event, Instant now);
    void on_end_timeout(Agent& agent, const Event& event, Instant now);

    void dismiss(Agent& agent, const Verdict& verdict, Instant now);
    void go_on_without(Agent& agent, const std::string& what, const Verdict& otherwise,
                       Instant now);
    void form_if_complete();
    void form();
    void stop_round(const std::string& reason, Instant now);
    void finish(Verdict verdict, Instant now);
    void end_if_all_ended();
    std::vector<AgentId> missing() const;
    std::ptrdiff_t never_heard() const;
    int ready_nodes() const;
    int reachable_nodes() const;
    void send(const AgentId& agent, Down message);
    void note(Note::Level level, std::string text);

    Plan plan_;
    Phase phase_ = Phase::forming;
    int round_ = -1;
    int restarts_ = 0;
    std::size_t group_size_ = 0;    // nodes of the current round
    int world_size_ = 0;            // workers of the current round
    Instant stopped_at_{};          // when the round before it was ordered to stop
    std::size_t started_ = 0;       // of these, how many have started their workers
    std::set<AgentId> unfinished_;  // of these, who has not succeeded
    std::map<AgentId, Agent> agents_;
    std::vector<WorkerFailure> causes_;   // of the current round, as heard
    std::vector<WorkerFailure> victims_;  // of the stop that followed
    EarlyEnds early_ends_;
    Verdict verdict_;
    Instant join_deadline_{};
    bool await_all_ = false;  // in the end: those who have not come yet are to be told, too
    std::vector<Action> actions_;
};

}  // namespace torchelastic::coordinator
