// A second way to meet.
#include <gtest/gtest.h>

#include "rdzv/otherwise.h"

namespace torchelastic::rdzv {
namespace {

/// A way that is found or not, at once.
class Way : public Rendezvous {
public:
    explicit Way(Result<std::string> id) : id_(std::move(id)) {}
    void meet(std::function<void(Result<Meeting>)> done) override {
        if (!id_) return done(failure(id_.error()));
        Meeting meeting;
        meeting.id = *id_;
        done(std::move(meeting));
    }
    std::string trouble() const override { return "of " + id_.value_or("nobody"); }
    bool stuck() const override { return !id_; }

private:
    Result<std::string> id_;
};

struct Outcome {
    std::string met;
    std::string told;
    std::string trouble;
    bool stuck = false;
};

Outcome outcome(const Result<std::string>& first, const Result<std::string>& second) {
    Outcome outcome;
    const auto rendezvous = meet_otherwise(
        std::make_unique<Way>(first), [&] { return std::make_unique<Way>(second); },
        [&](const std::string& why) { outcome.told = why; });
    rendezvous->meet([&](Result<Meeting> meeting) {
        outcome.met = meeting ? meeting->id : meeting.error().text();
    });
    outcome.trouble = rendezvous->trouble();
    outcome.stuck = rendezvous->stuck();
    return outcome;
}

TEST(Otherwise, takes_the_first_way_where_it_leads_somewhere) {
    const Outcome seen = outcome("one", "two");
    EXPECT_EQ(seen.met, "one");
    EXPECT_EQ(seen.told, "");
    EXPECT_EQ(seen.trouble, "of one");
    EXPECT_FALSE(seen.stuck);
}

TEST(Otherwise, says_why_it_takes_the_second_and_knows_that_the_first_is_stuck) {
    const Outcome seen = outcome(failure("closed"), "two");
    EXPECT_EQ(seen.met, "two");
    EXPECT_EQ(seen.told, "closed");
    EXPECT_EQ(seen.trouble, "of two");
    EXPECT_TRUE(seen.stuck);
}

TEST(Otherwise, ends_with_what_the_second_met) {
    EXPECT_EQ(outcome(failure("closed"), failure("locked")).met, "locked");
}

}  // namespace
}  // namespace torchelastic::rdzv
