// Everyone who looks on while an agent works: the event log, the health port, the worker watchdog.
// None of them may delay the job or end it: what cannot be had is said once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/agent.h"
#include "agent/journal.h"
#include "health/port.h"
#include "report/event_file.h"
#include "report/log.h"
#include "watchdog/server.h"

namespace torchelastic::agent {

class Observation {
public:
    /// `console` writes to stderr.
    Observation(net::Loop& loop, report::Log& log, std::function<void(std::string_view)> console);

    /// Answers on $TORCHELASTIC_HEALTH_CHECK_PORT from now on.
    void answer_probes(const Environment& environment);

    /// Makes the workers' timers count: tells their environment where to set them. What comes of
    /// that is told in their failures.
    void watch_timers(const std::optional<std::string>& path, WorkerSetup& workers);

    /// Looks on from now on. `logs` is the run's log folder, or empty.
    void attend(Setup& setup, const std::string& rdzv_backend, const std::string& logs);

private:
    void open_log(const options::EventLog& wanted, const std::string& logs);
    void write(const Journal::Events& events);
    void append(const std::string& line);
    health::Status status() const;

    net::Loop& loop_;
    report::Log& log_;
    std::function<void(std::string_view)> console_;
    Journal journal_;
    report::EventOrigin origin_;
    bool on_console_ = false;
    std::optional<report::EventFile> file_;
    bool file_failed_ = false;
    std::unique_ptr<watchdog::Server> watchdog_;
    std::optional<health::Port> port_;
};

}  // namespace torchelastic::agent
