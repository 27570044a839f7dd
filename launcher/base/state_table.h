// A table of states times events in words, from the very table that the code uses:
// docs/rendezvous.md holds what this writes, and a test compares them.
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace torchelastic {

/// A handler's name and, in words, what it does. One without words does nothing.
template <class Handler>
struct NamedHandler {
    Handler handler;
    const char* name;
    const char* does;
};

/// Two Markdown tables: events down and states across, then what the handlers' names mean. A
/// handler that has no name is "?".
template <class Handler, std::size_t States, std::size_t Events, std::size_t Names>
std::string state_table(const Handler (&table)[States][Events],
                        const std::array<const char*, States>& states,
                        const std::array<const char*, Events>& events,
                        const std::array<NamedHandler<Handler>, Names>& names) {
    std::string head = "| event |";
    std::string rule = "|---|";
    for (const char* state : states) {
        head += std::string(" ") + state + " |";
        rule += "---|";
    }
    std::string text = head + "\n" + rule + "\n";
    for (std::size_t event = 0; event < Events; ++event) {
        text += std::string("| ") + events[event] + " |";
        for (std::size_t state = 0; state < States; ++state) {
            std::string cell = "?";
            for (const auto& each : names) {
                if (each.handler == table[state][event]) cell = *each.does ? each.name : "";
            }
            text += " " + cell + (cell.empty() ? "|" : " |");
        }
        text += "\n";
    }
    text += "\n| name | what is done |\n|---|---|\n";
    for (const auto& each : names) {
        if (*each.does) text += std::string("| ") + each.name + " | " + each.does + " |\n";
    }
    return text;
}

}  // namespace torchelastic
