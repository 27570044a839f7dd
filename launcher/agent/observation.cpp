// Handing on what is seen.
#include "agent/observation.h"

#include <utility>

#include "base/module.h"
#include "net/host.h"

namespace torchelastic::agent {

Observation::Observation(net::Loop& loop, report::Log& log,
                         std::function<void(std::string_view)> console)
    : loop_(loop), log_(log), console_(std::move(console)), journal_(moment()) {}

void Observation::answer_probes(const Environment& environment) {
    const auto wanted = environment.find("TORCHELASTIC_HEALTH_CHECK_PORT");
    if (wanted == environment.end()) return;
    const auto number = health::parse_port(wanted->second);
    if (!number) return log_.warning("no health port: " + number.error().text());
    const auto plugins = environment.find("TORCHELASTIC_PLUGIN_PATH");
    auto port = health::Port::open(
        loop_, *number,
        module_folders(plugins == environment.end() ? "" : plugins->second, program_file()),
        [this] { return status(); });
    if (!port) return log_.warning("no health port: " + port.error().text());
    port_.emplace(std::move(*port));
}

void Observation::watch_timers(const std::optional<std::string>& path, WorkerSetup& workers) {
    if (!path) return;
    auto server =
        watchdog::Server::open(loop_, *path,
                               {.happened =
                                    [this](const watchdog::Happening& happening) {
                                        write(journal_.timer_expired(happening, moment()));
                                    },
                                .warn = [this](const std::string& line) { log_.warning(line); }});
    if (!server) return log_.warning("no worker watchdog: " + server.error().text());
    watchdog_ = std::move(*server);
    workers.environment["TORCHELASTIC_TIMER_FILE"] = *path;
    workers.why_killed = [this](pid_t pid) { return watchdog_->bury(pid); };
}

void Observation::attend(Setup& setup, const std::string& rdzv_backend, const std::string& logs) {
    origin_ = {.run_id = setup.plan.run_id,
               .role = setup.workers.setting.role,
               .hostname = net::host_name(),
               .rdzv_backend = rdzv_backend,
               .entry_point = setup.workers.options.script};
    open_log(setup.workers.options.event_log, logs);
    const bool logs_events = on_console_ || file_;
    if (!logs_events && !port_) return;
    setup.witness = {
        .hears = [this](const Event& event) { write(journal_.hear(event, moment())); },
        .does = [this](const Action& action) { write(journal_.act(action, moment())); }};
    write(journal_.begin(moment()));
}

void Observation::open_log(const options::EventLog& wanted, const std::string& logs) {
    on_console_ = wanted.to == options::EventLog::To::console;
    if (wanted.to != options::EventLog::To::file) return;
    if (wanted.path.empty() && logs.empty()) {
        return log_.warning(
            "no event log: there is no log folder for it; --event-log-handler=file:PATH names a "
            "file");
    }
    auto file = report::EventFile::open(wanted.path.empty() ? logs + "/events.jsonl" : wanted.path);
    if (!file) return log_.warning("no event log: " + file.error().text());
    file_.emplace(std::move(*file));
}

void Observation::write(const Journal::Events& events) {
    for (const report::Event& each : events) {
        if (!on_console_ && !file_) return;
        const std::string line = report::event_line(origin_, each);
        if (on_console_) console_(line + "\n");
        if (file_) append(line);
    }
}

/// What has failed may succeed again: each line is tried.
void Observation::append(const std::string& line) {
    const auto done = file_->append(line);
    if (!done && !std::exchange(file_failed_, true)) {
        log_.warning("events are lost: " + done.error().text());
    }
}

health::Status Observation::status() const {
    return {.state = std::string(words(journal_.state())),
            .round = journal_.round(),
            .restart_count = journal_.restart_count(),
            .workers_running = journal_.running(),
            .uptime = std::chrono::steady_clock::now() - journal_.start().instant,
            .last_progress = journal_.changed().wall};
}

}  // namespace torchelastic::agent
