// The worker watchdog: a named pipe into which workers write timers, and the end of those workers
// whose timer ran out. The agent's side of torch.distributed.elastic.timer's FileTimerClient.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/loop.h"
#include "process/tree.h"
#include "watchdog/timers.h"

namespace torchelastic::watchdog {

/// A timer ran out.
struct Happening {
    Expired timer;
    bool killed = false;  ///< the process was signalled
    std::string words;    ///< for people, one line
};

/// Owns the pipe. Signals nobody but descendants of this process, whatever is written there, and
/// never this process.
class Server {
public:
    struct Handlers {
        std::function<void(const Happening&)> happened;
        std::function<void(const std::string& line)> warn;
    };

    /// Makes the pipe. One that a dead agent has left at `path` is replaced; one that somebody
    /// still reads from, and any other file, is not.
    static Result<std::unique_ptr<Server>> open(net::Loop& loop, std::string path,
                                                Handlers handlers);

    /// Removes the pipe.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    const std::string& path() const { return path_; }

    /// The process is dead: its timers are dropped. Why it is, if that is this server's doing.
    std::optional<std::string> bury(pid_t pid);

private:
    Server(net::Loop& loop, std::string path, ino_t inode, Handlers handlers);

    void read(int pipe);
    void take(const std::string& line);
    void expire();
    void end(const Expired& timer, const process::Process* process);
    void warn_once(bool& warned, const std::string& line) const;

    net::Timer timer_;
    std::string path_;
    ino_t inode_;
    Handlers handlers_;
    Lines lines_;
    Timers timers_;
    std::map<pid_t, std::string> killed_;
    bool warned_of_nonsense_ = false;
    bool warned_of_number_ = false;
    std::optional<net::Readable> pipe_;
};

}  // namespace torchelastic::watchdog
