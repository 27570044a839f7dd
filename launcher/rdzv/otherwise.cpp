// One after the other.
#include "rdzv/otherwise.h"

#include <utility>

namespace torchelastic::rdzv {

namespace {

class Otherwise : public Rendezvous {
public:
    Otherwise(std::unique_ptr<Rendezvous> first,
              std::function<std::unique_ptr<Rendezvous>()> make_second,
              std::function<void(const std::string& why)> tell)
        : first_(std::move(first)), make_second_(std::move(make_second)), tell_(std::move(tell)) {}

    void meet(std::function<void(Result<Meeting>)> done) override {
        first_->meet([this, done = std::move(done)](Result<Meeting> meeting) {
            if (meeting) return done(std::move(meeting));
            tell_(meeting.error().text());
            second_ = make_second_();
            second_->meet(done);
        });
    }

    void close(bool ended, std::function<void(Result<void>)> done) override {
        (second_ ? second_ : first_)->close(ended, std::move(done));
    }

    std::string trouble() const override { return (second_ ? second_ : first_)->trouble(); }

    bool stuck() const override { return first_->stuck(); }

private:
    std::unique_ptr<Rendezvous> first_;
    std::function<std::unique_ptr<Rendezvous>()> make_second_;
    std::function<void(const std::string& why)> tell_;
    std::unique_ptr<Rendezvous> second_;
};

}  // namespace

std::unique_ptr<Rendezvous> meet_otherwise(std::unique_ptr<Rendezvous> first,
                                           std::function<std::unique_ptr<Rendezvous>()> make_second,
                                           std::function<void(const std::string& why)> tell) {
    return std::make_unique<Otherwise>(std::move(first), std::move(make_second), std::move(tell));
}

}  // namespace torchelastic::rdzv
