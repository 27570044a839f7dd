// The one actor that decides: forms rounds, hands out ranks, restarts, ends the job. Pure: events
// and the time come in, actions go out; it knows neither sockets nor clocks nor logs.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "coordinator/early_ends.h"
#include "coordinator/members.h"
#include "coordinator/messages.h"
#include "coordinator/notices.h"
#include "coordinator/quorum.h"

namespace torchelastic::coordinator {

/// What is fixed before the job begins.
struct Plan {
    std::string run_id;
    /// Whose agent coordinates. Empty: nobody can take over from it, and nobody is told of anyone.
    AgentId coordinator;
    Membership membership = Membership::known;
    std::vector<AgentId> expected;  ///< the members, in the allocation's order, if they are known
    int min_nodes = 1;
    int max_nodes = 1;
    int max_restarts = 0;  ///< one budget for the whole job; only failed workers cost
    Duration join_timeout = std::chrono::seconds(600);
    /// How long those who are enough wait for more, where nobody knows whether more will come; and
    /// how long a newcomer waits for others like it before a running round is ended for them.
    Duration last_call_timeout = std::chrono::seconds(3);
    Duration reminder = std::chrono::seconds(10);     ///< then the log says who is waited for
    Duration end_timeout = std::chrono::seconds(60);  ///< for everyone to say Ended
    /// How long one that took over waits for those who have not noticed yet.
    Duration regather = std::chrono::seconds(6);
    /// The same where all who live saw the other one die, if those who have come are enough.
    Duration regather_after_death = std::chrono::seconds(1);
};

/// What one that takes over from another coordinator starts from.
struct Inheritance {
    LastRound last;                 ///< the latest that anyone who came knows of
    std::set<AgentId> members;      ///< its nodes, as far as anyone knows them by name
    int epoch = 0;                  ///< of the new coordinator
    bool coordinator_died = false;  ///< the one that formed that round, for certain
    std::string why;                ///< it was lost
};

/// The connection to an agent closed, or stayed silent for too long.
struct Lost {
    std::string why;
    bool died = true;  ///< for certain; else it may only have given the connection up
};
/// The time that ArmTimer asked for has come.
struct TimeUp {};

/// The answer to AskDeadline: when the scheduler will end the job, in seconds since the epoch; 0 if
/// it does not say.
struct DeadlineKnown {
    int signal = 0;
    std::int64_t at_s = 0;
};

struct Event {
    AgentId agent;  ///< whom it is from or about; empty for TimeUp and DeadlineKnown
    std::variant<Hello, Unable, Ready, Started, Failed, Succeeded, Leaving, Ended, Report, Notified,
                 Lost, TimeUp, DeadlineKnown>
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
/// The workers are to be told of this signal, and until when they may act on it.
struct AskDeadline {
    int signal = 0;
};
/// A decision and its reason, for the log.
struct Note {
    enum class Level { info, warning } level;
    std::string text;
};
/// Everyone has been told and has ended, or is beyond telling. `failures`: the cause first, which
/// is the one that the coordinator heard of first: the verdict names it and has its exit code.
/// Then, by time, those that failed before the order to stop reached them, and the victims of that.
struct Done {
    Verdict verdict;
    std::vector<WorkerFailure> failures;
};
using Action = std::variant<Send, ArmTimer, AskDeadline, Note, Done>;

class Coordinator {
public:
    explicit Coordinator(Plan plan);

    /// Takes over: those who are left come with a Report.
    Coordinator(Plan plan, const Inheritance& inheritance);

    /// The first actions: call once, before any event.
    std::vector<Action> begin(Instant now);

    /// Decides. Events about agents that never said Hello or Report, and those of past rounds, are
    /// ignored.
    std::vector<Action> handle(const Event& event, Instant now);

    /// Why an agent that says Hello now cannot take part; nothing if it can.
    std::optional<std::string> refusal(const Card& card) const;

    /// What is decided when, as docs/rendezvous.md has it.
    static std::string table();

    int epoch() const { return epoch_; }
    int round() const { return round_; }
    int restart_count() const { return restarts_; }

    /// "forming", "running", "stopping", "ending" or "ended".
    std::string_view state() const;

private:
    enum class Phase { forming, running, stopping, ending, ended };
    using Handler = void (Coordinator::*)(Member& agent, const Event& event, Instant now);
    static constexpr std::size_t kPhases = 5;
    static constexpr std::size_t kEvents = std::variant_size_v<decltype(Event::what)>;
    static const Handler kTable[kPhases][kEvents];

    void ignore(Member& agent, const Event& event, Instant now);
    void on_ready(Member& agent, const Event& event, Instant now);
    void on_started(Member& agent, const Event& event, Instant now);
    void on_failed(Member& agent, const Event& event, Instant now);
    void on_victim(Member& agent, const Event& event, Instant now);
    void on_succeeded(Member& agent, const Event& event, Instant now);
    void on_unable(Member& agent, const Event& event, Instant now);
    void on_leaving(Member& agent, const Event& event, Instant now);
    void on_lost(Member& agent, const Event& event, Instant now);
    void on_departed(Member& agent, const Event& event, Instant now);
    void on_ended(Member& agent, const Event& event, Instant now);
    void on_forming_timer(Member& agent, const Event& event, Instant now);
    void on_running_timer(Member& agent, const Event& event, Instant now);
    void on_stop_timeout(Member& agent, const Event& event, Instant now);
    void on_hurry(Member& agent, const Event& event, Instant now);
    void on_end_timeout(Member& agent, const Event& event, Instant now);
    void on_notified(Member& agent, const Event& event, Instant now);
    void on_deadline(Member& agent, const Event& event, Instant now);

    void admit(Member& agent, const Report& report);
    void dismiss(Member& agent, const Verdict& verdict, Instant now);
    void go_on_without(Member& agent, const Verdict& otherwise, Instant now);
    bool can_go_on() const;
    void go_on(const Verdict& otherwise, Instant now);
    void take_newcomers_in(Instant now);
    void arm_running(Instant now);
    void await_members(Instant now);
    void regather(Instant now);
    void end_regathering(Instant now);
    bool enough_came() const;
    void arm_forming(Instant now);
    void form_if_complete(Instant now);
    void form();
    bool enough() const;
    void call_the_roll(const std::vector<Candidate>& candidates);
    void show_roster(const AgentId& id, int group_rank);
    void stop_round(const std::string& reason, Instant now);
    void finish(Verdict verdict, Instant now);
    void end_if_all_ended();
    int reachable_nodes() const;
    void send(const AgentId& agent, Down message);
    void note(Note::Level level, std::string text);

    Plan plan_;
    Phase phase_ = Phase::forming;
    int epoch_ = 0;
    int round_ = -1;
    int restarts_ = 0;
    std::optional<Inheritance> inheritance_;  // until a round is formed
    bool regathering_ = false;                // more of its nodes may come
    int returned_ = 0;                        // of these
    Quorum quorum_;
    std::optional<Roster> roster_;  // of the current round
    std::size_t group_size_ = 0;    // nodes of the current round
    int world_size_ = 0;            // workers of the current round
    Instant stopped_at_{};          // when the round before it was ordered to stop
    std::size_t started_ = 0;       // of these, how many have started their workers
    std::set<AgentId> unfinished_;  // of these, who has not succeeded
    Members members_;
    std::vector<WorkerFailure> causes_;   // of the current round, as heard
    std::vector<WorkerFailure> victims_;  // of the stop that followed
    EarlyEnds early_ends_;
    Verdict verdict_;
    Instant join_deadline_{};
    Instant stop_deadline_{};
    Instant regather_deadline_{};
    std::optional<Instant> reminder_;   // when the log is to say who is waited for
    std::optional<Instant> last_call_;  // when those who are enough begin without more
    std::optional<Instant> newcomers_;  // when the running round ends for those who wait
    std::optional<Verdict> leaving_;    // somebody was told to go: the end, if too few are left
    Instant leavers_{};                 // when the round ends on their account
    Notices notices_;
    bool await_all_ = false;  // in the end: those who have not come yet are to be told, too
    std::vector<Action> actions_;
};

}  // namespace torchelastic::coordinator
