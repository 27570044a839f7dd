// The lifecycle's table in words.
#include "agent/lifecycle.h"
#include "base/state_table.h"

namespace torchelastic::agent {

std::string Lifecycle::table() {
    using L = Lifecycle;
    constexpr std::array<const char*, kStates> kStateNames = {"waiting",  "running", "stopping",
                                                              "leaving",  "left",    "bereft",
                                                              "orphaned", "ending",  "over"};
    constexpr std::array<const char*, kEvents> kEventNames = {
        "assign",          "stop",           "finish",       "workers started",
        "worker ended",    "all stopped",    "told to go",   "link lost",
        "new coordinator", "no coordinator", "no store port"};
    constexpr std::array kNames = {
        NamedHandler<Handler>{&L::ignore, "ignore", ""},
        NamedHandler<Handler>{&L::start, "start", "start the workers"},
        NamedHandler<Handler>{&L::stop, "stop", "stop the workers, if it is their round"},
        NamedHandler<Handler>{&L::stop_and_end, "stop_and_end",
                              "stop the workers, keep the verdict"},
        NamedHandler<Handler>{&L::end_after_stop, "end_after_stop",
                              "keep the verdict; the workers are being stopped already"},
        NamedHandler<Handler>{&L::end_now, "end_now", "say ended and exit with the verdict"},
        NamedHandler<Handler>{&L::report_started, "report_started", "say started"},
        NamedHandler<Handler>{&L::report_ended, "report_ended",
                              "say failed; or succeeded, once all workers have ended with 0"},
        NamedHandler<Handler>{&L::report_victim, "report_victim",
                              "say failed, if it did, with `ordered`: it was being stopped"},
        NamedHandler<Handler>{&L::announce_again, "announce_again",
                              "take a fresh port for the store and say ready"},
        NamedHandler<Handler>{&L::all_stopped_leaving, "all_stopped_leaving",
                              "wait for the verdict"},
        NamedHandler<Handler>{&L::all_stopped_ending, "all_stopped_ending",
                              "say ended and exit with the verdict"},
        NamedHandler<Handler>{&L::leave_idle, "leave_idle", "say leaving"},
        NamedHandler<Handler>{&L::leave_running, "leave_running",
                              "say leaving; stop the workers by the same signal"},
        NamedHandler<Handler>{&L::leave_stopping, "leave_stopping", "say leaving"},
        NamedHandler<Handler>{&L::insist, "insist",
                              "kill the workers, if it is Ctrl-C and not the first signal"},
        NamedHandler<Handler>{&L::admit_trouble, "admit_trouble", "say unable"},
        NamedHandler<Handler>{&L::lose_idle, "lose_idle", "wait for another coordinator"},
        NamedHandler<Handler>{&L::lose_running, "lose_running", "stop the workers, and the same"},
        NamedHandler<Handler>{&L::lose_stopping, "lose_stopping",
                              "the same; the workers are being stopped already"},
        NamedHandler<Handler>{&L::lose_left, "lose_left", "exit: interrupted"},
        NamedHandler<Handler>{&L::lose_leaving, "lose_leaving",
                              "once the workers are stopped, the same"},
        NamedHandler<Handler>{&L::rest, "rest", "wait for another coordinator"},
        NamedHandler<Handler>{&L::go_on_stopping, "go_on_stopping",
                              "once the workers are stopped, say ready to it"},
        NamedHandler<Handler>{&L::despair, "despair", "exit: nobody will say a verdict any more"},
        NamedHandler<Handler>{&L::despair_stopping, "despair_stopping",
                              "once the workers are stopped, the same"},
        NamedHandler<Handler>{&L::hurry, "hurry",
                              "say leaving: the coordinator here may still wait for others"},
        NamedHandler<Handler>{&L::end_alone, "end_alone", "exit: interrupted"},
        NamedHandler<Handler>{&L::end_alone_stopping, "end_alone_stopping",
                              "once the workers are stopped, the same"},
    };
    return state_table(kTable, kStateNames, kEventNames, kNames);
}

}  // namespace torchelastic::agent
