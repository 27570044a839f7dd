// One place where lines end, a console or a file of ours, and all who have lines to show there.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "net/loop.h"
#include "process/console.h"

namespace torchelastic::process {

/// Where lines come from.
class Source {
public:
    Source() = default;
    virtual ~Source() = default;
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    /// There may be something to do.
    virtual bool dirty() const = 0;
    /// Does a piece of it and appends what can be shown. False if there is nothing more for good.
    virtual bool advance(std::string& shown) = 0;
    /// What was shown ends within a line that only this source can go on with: it keeps the turn.
    virtual bool within_line() const = 0;
    /// Nobody writes any more: what is there is all there is.
    virtual void finish() = 0;
};

/// Sources show what they have in turns. The console is the only buffer: while it takes nothing, no
/// source is asked for more. Where one ended within a line, or stopped there and another goes on, a
/// newline is added.
class Sink : public std::enable_shared_from_this<Sink> {
public:
    struct Handlers {
        std::function<void()> rested;          ///< all is shown that there is
        std::function<void(bool first)> full;  ///< what is next waits for room on a disk
    };

    /// A console; the descriptor is not closed.
    Sink(net::Loop& loop, int fd, std::string name);
    /// A file of ours.
    Sink(net::Loop& loop, Fd file, std::string name);

    const std::string& name() const { return name_; }
    bool is_file() const { return static_cast<bool>(file_); }
    const Console& console() const { return console_; }

    void attend(Handlers handlers) { handlers_ = std::move(handlers); }

    void add(std::shared_ptr<Source> source);

    /// A source has something after it had nothing: its turn comes after those of all that had
    /// something before.
    void queue(const Source& source);

    /// Words of our own, whole lines, ahead of what sources have not shown. Beyond a megabyte they
    /// are dropped, and how much is said when there is room again.
    void say(std::string_view words);

    /// Shows what there is, as far as the console takes it.
    void pump();

    /// pump(), from the loop.
    void post_pump();

    /// Every source is asked for its end.
    void finish();

    /// Forgets the sources.
    void abandon();

    /// Forgets what has not been written yet, too.
    void forsake();

    /// Sources may have something to show, or the console has not taken all that they have shown.
    bool busy() const { return !sources_.empty() || owes_; }
    /// The console has not taken all of our own words.
    bool unsaid() const { return waiting_ || !words_.empty(); }

private:
    bool turn();
    void speak(std::string& shown);
    void end(const Source& source, std::string& shown);

    net::Loop& loop_;
    std::string name_;
    Fd file_;  ///< none for a console
    Console console_;
    Handlers handlers_;
    std::list<std::shared_ptr<Source>> sources_;  ///< the first has the next turn
    std::string words_;                           ///< of our own
    std::size_t dropped_ = 0;                     ///< bytes of them
    const Source* speaker_ = nullptr;             ///< who has shown something last
    bool midline_ = false;                        ///< and did not end the line
    bool owes_ = false;                           ///< the console has not taken all of that
    bool waiting_ = false;                        ///< for the console
    bool posted_ = false;
    bool told_full_ = false;
};

/// Our stdout and stderr: perhaps one and the same.
struct Consoles {
    std::shared_ptr<Sink> out;
    std::shared_ptr<Sink> err;

    static Consoles of(net::Loop& loop, int out = 1, int err = 2);
};

}  // namespace torchelastic::process
