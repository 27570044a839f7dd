// What agents and the coordinator tell one another. Plain values: wire/ turns them into bytes.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"

namespace torchelastic::coordinator {

/// Names one agent of the job for as long as the job lives: the node's name in the allocation.
using AgentId = std::string;

/// What an agent says of itself when it joins.
struct Card {
    AgentId id;
    std::string address;  ///< numeric, where the other nodes reach this one
    int order = 0;        ///< the node's place in the allocation; ranks follow it
    int workers = 1;      ///< local world size; may differ from node to node
    std::string role = "default";
    std::int64_t pid = 0;                      ///< of the agent, for people
    std::vector<std::string> other_addresses;  ///< its workers may come from these as well
    std::uint16_t port = 0;  ///< where it listens, should it have to coordinate; 0: nowhere

    bool operator==(const Card&) const = default;
};

/// How one worker ended when it did not end well.
struct WorkerFailure {
    AgentId agent;
    int local_rank = 0;
    int rank = 0;  ///< global, in the round in which it failed
    std::int64_t pid = 0;
    int exit_code = 0;  ///< 0 where `signal` is set
    int signal = 0;     ///< 0 where it exited by itself
    bool dumped_core = false;
    bool never_started = false;  ///< exec or its preparation failed: `message` says at which step
    bool ordered = false;        ///< it was being stopped: a victim, never a cause
    std::int64_t time_us = 0;    ///< since the epoch; the coordinator has all by its own clock
    std::string message;         ///< of the error file, or of the failing step
    std::string traceback;       ///< of the error file
    std::int64_t raised_s = 0;   ///< of the error file: when, since the epoch; 0 if unknown
    std::string error_file;      ///< its path, where the worker wrote one and people can see it
    std::string stderr_file;     ///< where its stderr went, if to a file
    std::string stderr_end;      ///< the last lines of that
    std::string out_of_memory;  ///< in words, if the kernel killed it, or another process, for that

    bool operator==(const WorkerFailure&) const = default;
};

/// What a shell reports of that end: the exit code, 128 + the signal, 127 if it never started.
int shell_code(const WorkerFailure& failure);

/// "SIGSEGV: invalid memory reference, core dumped"; empty if no signal ended it.
std::string signal_words(const WorkerFailure& failure);

/// "rank 3 (node n2, local rank 1, pid 4711) failed: exit code 37".
std::string describe(const WorkerFailure& failure);

/// The round that was formed last, as far as somebody knows.
struct LastRound {
    int epoch = 0;    ///< grows with each change of the coordinator
    int number = -1;  ///< of the round
    int since = -1;   ///< the first of the rounds up to this one that had the same nodes
    int restart_count = 0;
    int group_size = 0;            ///< how many nodes it has
    bool with_coordinator = true;  ///< the node of the coordinator that formed it is one of them
    bool operator==(const LastRound&) const = default;
};

// From an agent to the coordinator.

struct Hello {
    Card card;
    bool operator==(const Hello&) const = default;
};
/// This node cannot run workers, for a reason of its own: no GPU, no room for logs, no free port.
struct Unable {
    std::string reason;
    bool operator==(const Unable&) const = default;
};
/// No worker is left on this node, and a fresh port waits for the next round's store.
struct Ready {
    std::uint16_t store_port = 0;
    bool agent_store = true;  ///< the agent serves the store there; else worker rank 0 will
    bool operator==(const Ready&) const = default;
};
struct Started {
    int round = 0;
    bool operator==(const Started&) const = default;
};
struct Failed {
    int round = 0;
    WorkerFailure failure;
    bool operator==(const Failed&) const = default;
};
/// All workers of this node exited with 0.
struct Succeeded {
    int round = 0;
    bool operator==(const Succeeded&) const = default;
};
/// This agent was told to go, by a signal from outside.
struct Leaving {
    int signal = 0;
    bool operator==(const Leaving&) const = default;
};
/// The verdict arrived and no worker is left: the last word of an agent.
struct Ended {
    bool operator==(const Ended&) const = default;
};

/// In place of Hello, to whoever is to coordinate instead of the one that was lost.
struct Report {
    Card card;
    LastRound last;
    int group_rank = -1;            ///< in that round; negative: it took no part
    bool coordinator_died = false;  ///< the one that formed it is dead for certain, not just silent
    std::vector<AgentId> others;    ///< of that round's nodes, those that this agent knows by name
    bool operator==(const Report&) const = default;
};

/// This agent was sent a signal that does not end the job but is meant for all of its workers.
struct Notified {
    int signal = 0;
    bool operator==(const Notified&) const = default;
};

using Up = std::variant<Hello, Unable, Ready, Started, Failed, Succeeded, Leaving, Ended, Report,
                        Notified>;

// From the coordinator to an agent.

/// One agent's place in a round, and all that its workers' environment is made of.
struct Assignment {
    int round = 0;
    int restart_count = 0;  ///< the same on every node at every moment
    int max_restarts = 0;
    int group_rank = 0;
    int group_world_size = 1;
    int first_rank = 0;  ///< global rank of local rank 0
    int world_size = 1;
    int first_role_rank = 0;
    int role_world_size = 1;
    std::string master_address;
    std::uint16_t master_port = 0;
    bool agent_store = true;
    std::string run_id;
    std::vector<std::string>
        members;  ///< all addresses of the round's nodes; for group rank 0 only
    bool operator==(const Assignment&) const = default;
};
/// Stop the workers of this round; then say Ready.
struct Stop {
    int round = 0;
    std::string reason;
    int restart_count = 0;  ///< of the round that is to follow
    bool operator==(const Stop&) const = default;
};

enum class Outcome {
    succeeded,
    worker_failed,
    agent_lost,
    interrupted,
    not_formed,
    refused,
    coordinator_lost,  ///< an agent's own verdict: there is nobody to hear one from
};

/// How the job ended: the same for every agent that hears it.
struct Verdict {
    Outcome outcome = Outcome::succeeded;
    int exit_code = 0;
    std::string reason;  ///< for people, one line
    bool operator==(const Verdict&) const = default;
};
/// Stop whatever still runs, say Ended, and exit with the verdict's code.
struct Finish {
    Verdict verdict;
    bool operator==(const Finish&) const = default;
};

/// An agent that may have to coordinate.
struct Successor {
    AgentId id;
    Endpoint at;
    bool operator==(const Successor&) const = default;
};
/// To every agent, spares too, with each round.
struct Roster {
    LastRound last;
    AgentId coordinator;                ///< whose agent sends this
    int group_rank = -1;                ///< the agent's own; negative: it takes no part
    std::vector<Successor> successors;  ///< whom to ask to coordinate, one after the other
    bool operator==(const Roster&) const = default;
};
/// Answers a Report: this agent coordinates now.
struct Lead {
    int epoch = 0;
    bool operator==(const Lead&) const = default;
};
/// Answers a Report: this agent does not coordinate, or not yet. It keeps the report in mind.
struct Defer {
    std::string why;
    bool operator==(const Defer&) const = default;
};

/// Pass a signal on to the workers, now.
struct Notify {
    int signal = 0;
    /// When the scheduler will end the job, in seconds since the epoch; 0 if nobody knows.
    std::int64_t deadline_s = 0;
    bool operator==(const Notify&) const = default;
};

using Down = std::variant<Assignment, Stop, Finish, Roster, Lead, Defer, Notify>;

}  // namespace torchelastic::coordinator
