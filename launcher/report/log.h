// The agent's own lines: what a human would ask about, once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace torchelastic::report {

/// Lines like "W1120 07:27:56.204 torchelastic[n1] text". $LOGLEVEL (DEBUG, INFO, WARNING, ERROR)
/// says from which level on they are shown; WARNING unless set, as in torchrun.
class Log {
public:
    /// `write` gets each line, newline included; it must not block.
    Log(const std::string& node, const std::string& level,
        const std::function<void(std::string_view line)>& write);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void info(const std::string& text);
    void warning(const std::string& text);
    void error(const std::string& text);

    /// Text of several lines, as it is.
    void verbatim(const std::string& text);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace torchelastic::report
