// The agent's hands: performs what the lifecycle decides, on processes, files and the connection.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/hub.h"
#include "agent/lifecycle.h"
#include "agent/reelection.h"
#include "agent/requeue_slip.h"
#include "agent/round_store.h"
#include "agent/workers.h"
#include "rdzv/rendezvous.h"

namespace torchelastic::agent {

/// Someone who sees all that an agent goes through, each before the agent acts on it.
struct Witness {
    std::function<void(const Event&)> hears;
    std::function<void(const Action&)> does;
};

/// What an agent is made of, once it has met the others.
struct Setup {
    WorkerSetup workers;
    coordinator::Plan plan;  ///< used by the agent that coordinates
    rdzv::KeepAlive keep_alive;
    rdzv::Meeting meeting;
    std::optional<net::Listener> door;  ///< where others call, should this agent have to coordinate
    Witness witness;
    bool own_console = false;  ///< the coordinator's lines are not read where this agent's are
    std::optional<std::string> trouble;  ///< why this node cannot take part, in the end
    RequeueSlip requeue;
};

/// One agent from its first hello to its last word.
class Agent {
public:
    /// `ended` is called once, from the loop, with the verdict; nothing of a worker is left then.
    Agent(net::Loop& loop, report::Log& log, process::Reaper& reaper, Setup setup, Logs logs,
          std::function<void(const coordinator::Verdict&)> ended);

    void begin();

    /// Someone asks this process to end.
    void told_to_end(int signal);

    /// Someone sends a signal that is for the workers, of all nodes: the coordinator is told. Those
    /// of this node may `have_it` already.
    void notice(int signal, bool have_it);

private:
    void coordinate(rdzv::Host host);
    void follow(rdzv::Session session);
    void lose(const std::string& why);
    void stand_by();
    void take_over(const coordinator::Inheritance& inheritance, const coordinator::Report& own,
                   std::vector<Supporter> supporters);
    HubHandlers hub_handlers();
    coordinator::Card card() const;
    void join();
    void hear(const coordinator::Down& message);
    void handle(const Event& event);
    void pass_on(const coordinator::Notify& notify);
    void perform(const Action& action);
    void stop_workers(const StopWorkers& order);
    void tell(const coordinator::Up& message);
    void announce();
    void start_workers(const coordinator::Assignment& assignment);
    void exit(const coordinator::Verdict& verdict);
    void pass_word(const std::string& reason);
    void end_if_done();
    void leave_error_file(const coordinator::Verdict& verdict);

    net::Loop& loop_;
    report::Log& log_;
    Setup setup_;
    std::function<void(const coordinator::Verdict&)> ended_;
    coordinator::Card own_card_;
    Lifecycle lifecycle_;
    Workers workers_;
    Deadline deadline_;
    std::map<int, Instant> direct_;  ///< when a signal reached the workers without us
    RoundStore store_;

    std::optional<Hub> hub_;                // this agent coordinates,
    std::optional<rdzv::Session> session_;  // or that one does, or is asked to
    std::optional<Reelection> reelection_;  // where another may have to
    std::optional<coordinator::Verdict> verdict_;
    std::optional<coordinator::Done> done_;
    std::optional<coordinator::WorkerFailure> own_cause_;  ///< the round's first failure here
};

}  // namespace torchelastic::agent
