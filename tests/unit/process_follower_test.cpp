#include <sys/inotify.h>

#include "process/follower.h"
#include "process_fixture.h"

namespace torchelastic::process {
namespace {

/// A file that is followed, and what inotify says of it.
class Followed {
    const Scratch scratch_;
    const std::string path_ = scratch_.file("log");
    const Fd inotify_{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};

public:
    void append(std::string_view bytes) const {
        std::ofstream(path_, std::ios::binary | std::ios::app) << bytes;
    }

    /// Everything up to the end of the file.
    std::string read() {
        std::string shown;
        while (follower->dirty()) {
            if (!follower->advance(shown)) return shown + "<over>";
        }
        return shown;
    }

    /// Hands on the events that came; says how many.
    int events() {
        alignas(inotify_event) char buffer[4096];
        int count = 0;
        for (ssize_t got = 0; (got = ::read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
            for (const char* at = buffer; at < buffer + got; ++count) {
                const auto* event = reinterpret_cast<const inotify_event*>(at);
                follower->on_event(event->wd);
                at += sizeof(inotify_event) + event->len;
            }
        }
        return count;
    }

    const std::shared_ptr<Follower> follower = open();

private:
    std::shared_ptr<Follower> open() const {
        append("");
        auto opened = *Follower::open(path_, LineAssembler(""));
        opened->watch_by(inotify_.get());
        return opened;
    }
};

TEST(Follower, watches_a_file_that_is_quiet) {
    Followed file;
    EXPECT_EQ(file.read(), "");
    EXPECT_TRUE(file.follower->watched());
    file.append("a line\n");
    EXPECT_GT(file.events(), 0);
    EXPECT_TRUE(file.follower->dirty());
    EXPECT_EQ(file.read(), "a line\n");
}

TEST(Follower, is_told_nothing_while_the_file_grows) {
    Followed file;
    file.append("1\n");
    EXPECT_EQ(file.read(), "1\n");
    EXPECT_TRUE(file.follower->growing());
    EXPECT_FALSE(file.follower->watched());
    for (const std::string line : {"2\n", "3\n"}) {
        file.append(line);
        EXPECT_EQ(file.events(), 0);
        file.follower->wake();
        EXPECT_EQ(file.read(), line);
    }
    file.follower->wake();
    EXPECT_EQ(file.read(), "");
    EXPECT_TRUE(file.follower->watched());
}

TEST(Follower, is_told_once_of_many_writes) {
    Followed file;
    file.read();
    for (int i = 0; i < 100; ++i) {
        file.append("line\n");
    }
    EXPECT_LE(file.events(), 2) << "one for the write, one for the end of the watch";
    EXPECT_FALSE(file.follower->watched());
}

TEST(Follower, looks_when_events_were_lost) {
    Followed file;
    file.read();
    file.append("a line\n");
    file.follower->on_event(-1);
    EXPECT_EQ(file.read(), "a line\n");
}

TEST(Follower, is_over_when_nobody_writes_any_more) {
    Followed file;
    file.append("last words");
    file.follower->finish();
    EXPECT_EQ(file.read(), "last words\n<over>");
}

TEST(Follower, says_which_file_it_cannot_open) {
    const auto none = Follower::open("/nowhere/log", LineAssembler(""));
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().text(), "follow /nowhere/log: no such file or directory");
}

}  // namespace
}  // namespace torchelastic::process
