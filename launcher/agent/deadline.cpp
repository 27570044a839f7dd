// One squeue at a time.
#include "agent/deadline.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::agent {

namespace {

constexpr Duration kPatience = std::chrono::seconds(2);
constexpr std::int64_t kNever = 0xFFFFFFFE;  // from here on Slurm's times mean that there is none

std::int64_t as_time(std::string_view text) {
    const auto seconds = parse_int(trim(text));
    return seconds && *seconds > 0 && *seconds < kNever ? *seconds : 0;
}

}  // namespace

void Deadline::ask(Answer answer) {
    waiting_.push_back(std::move(answer));
    if (waiting_.size() > 1) return;
    if (start()) return patience_.arm(kPatience, [this] { finish(fallback()); });
    loop_.post([this] { finish(fallback()); });
}

bool Deadline::start() {
    const auto job = environment_.find("SLURM_JOB_ID");
    if (job == environment_.end()) return false;
    output_ = Fd(::memfd_create("squeue", MFD_CLOEXEC));
    if (!output_) return false;
    process::Command command;
    command.argv = {"squeue", "--noheader", "--job=" + job->second, "--format=%e"};
    for (const auto& [name, value] : environment_) {
        if (name != "SLURM_TIME_FORMAT")
            command.environment.push_back(fmt::format("{}={}", name, value));
    }
    command.environment.emplace_back("SLURM_TIME_FORMAT=%s");
    process::Stdio stdio;
    stdio.in = process::Stdio::In::null;
    stdio.out = process::Stream::file(fmt::format("/proc/{}/fd/{}", ::getpid(), output_.get()));
    stdio.err = process::Stream::null();
    auto child = process::Child::start(
        loop_, reaper_, command, stdio,
        [this](process::ExitStatus status, WallTime) { read_answer(status); });
    if (!child) return false;
    squeue_ = std::move(*child);
    return true;
}

void Deadline::read_answer(process::ExitStatus status) {
    // The very signal that the job is told of may hit it, where Slurm signals every process.
    if (status.signal() != 0) {
        return loop_.post([this] {
            if (!waiting_.empty() && !start()) finish(fallback());
        });
    }
    std::array<char, 64> text{};
    const ssize_t size = ::pread(output_.get(), text.data(), text.size(), 0);
    const bool told = status.success() && size > 0;
    finish(told ? as_time({text.data(), static_cast<std::size_t>(size)}) : fallback());
}

void Deadline::finish(std::int64_t at_s) {
    patience_.cancel();
    loop_.post([this] {  // its exit handler may be what runs
        squeue_.reset();
        output_.reset();
    });
    for (const Answer& each : std::exchange(waiting_, {}))
        each(at_s);
}

std::int64_t Deadline::fallback() const {
    const auto end = environment_.find("SLURM_JOB_END_TIME");
    return end == environment_.end() ? 0 : as_time(end->second);
}

}  // namespace torchelastic::agent
