// The coordinator's table in words.
#include "base/state_table.h"
#include "coordinator/coordinator.h"

namespace torchelastic::coordinator {

std::string Coordinator::table() {
    using C = Coordinator;
    constexpr std::array<const char*, kPhases> kPhaseNames = {"forming", "running", "stopping",
                                                              "ending", "ended"};
    constexpr std::array<const char*, kEvents> kEventNames = {
        "hello", "unable", "ready",    "started", "failed",     "succeeded",     "leaving",
        "ended", "report", "notified", "lost",    "time is up", "deadline known"};
    constexpr std::array kNames = {
        NamedHandler<Handler>{&C::ignore, "ignore", ""},
        NamedHandler<Handler>{&C::on_ready, "on_ready",
                              "take note. Not running: form the round if everyone it needs is "
                              "ready. Running: let a newcomer that there is room for wait "
                              "`last_call_timeout` for others like it"},
        NamedHandler<Handler>{&C::on_started, "on_started", "say so once all nodes have started"},
        NamedHandler<Handler>{&C::on_failed, "on_failed",
                              "this is the cause. A restart is left: use one up and stop the "
                              "round. None is left, or fewer than MIN nodes of known members, or "
                              "the worker never started: finish"},
        NamedHandler<Handler>{&C::on_victim, "on_victim", "keep it for the report"},
        NamedHandler<Handler>{&C::on_succeeded, "on_succeeded",
                              "take note; finish once all nodes have"},
        NamedHandler<Handler>{&C::on_unable, "on_unable",
                              "dismiss the node: finish if too few are left, else go on without "
                              "it at no cost of a restart"},
        NamedHandler<Handler>{&C::on_leaving, "on_leaving",
                              "the same; while it runs, only after a moment in which others may "
                              "be told to go as well"},
        NamedHandler<Handler>{&C::on_lost, "on_lost",
                              "go on without the node at no cost of a restart; finish if too few "
                              "are left and, the members being known or all gone, nobody can come "
                              "instead; finish if those who are missing and may live are so many "
                              "that they may have elected another coordinator"},
        NamedHandler<Handler>{&C::on_departed, "on_departed",
                              "nothing runs any more where an agent was dismissed: form the round "
                              "if everyone it needs is ready"},
        NamedHandler<Handler>{&C::on_ended, "on_ended", "the agent is gone; the end once all are"},
        NamedHandler<Handler>{&C::on_forming_timer, "on_forming_timer",
                              "whichever is due: the last call (begin), the reminder (say who is "
                              "waited for), `join_timeout` (begin with those who are here, or "
                              "finish if they are too few)"},
        NamedHandler<Handler>{&C::on_running_timer, "on_running_timer",
                              "whichever is due: stop the round, at no cost of a restart, for "
                              "those who were told to go, or if newcomers wait and at least MIN "
                              "nodes are here"},
        NamedHandler<Handler>{&C::on_stop_timeout, "on_stop_timeout",
                              "those who are not ready yet are lost, and told so"},
        NamedHandler<Handler>{&C::on_hurry, "on_hurry",
                              "wait no more for those who have not come yet, to tell them"},
        NamedHandler<Handler>{&C::on_end_timeout, "on_end_timeout", "the end, without those"},
        NamedHandler<Handler>{&C::on_notified, "on_notified",
                              "ask when the scheduler will end the job, unless another node has "
                              "told of the same signal"},
        NamedHandler<Handler>{&C::on_deadline, "on_deadline",
                              "say notify to all agents: the signal, and the deadline"},
    };
    return state_table(kTable, kPhaseNames, kEventNames, kNames);
}

}  // namespace torchelastic::coordinator
