// A notice as JSON, and into its place.
#include "agent/notice.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/signal_name.h"

namespace torchelastic::agent {

namespace {

const char* name(Notice::Event event) {
    switch (event) {
        case Notice::Event::none:
            return "none";
        case Notice::Event::notify:
            return "notify";
        case Notice::Event::restart:
            return "restart";
        case Notice::Event::interrupt:
            return "interrupt";
        case Notice::Event::end:
            break;
    }
    return "end";
}

double seconds(WallTime at) {
    const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
    return static_cast<double>(micro.count()) / 1e6;
}

}  // namespace

std::string notice_document(const Notice& notice, int number, WallTime now) {
    nlohmann::ordered_json out;
    out["event"] = name(notice.event);
    out["signal"] = nullptr;
    if (notice.signal != 0) out["signal"] = signal_name(notice.signal);
    out["number"] = number;
    out["round"] = notice.round;
    out["time"] = seconds(now);
    out["deadline"] = nullptr;
    if (notice.deadline) out["deadline"] = seconds(*notice.deadline);
    out["reason"] = notice.reason;
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Result<void> write_notice(const std::string& path, const std::string& document) {
    const std::string fresh = path + ".new";
    const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    const auto size = static_cast<ssize_t>(document.size());
    if (!file || ::write(file.get(), document.data(), document.size()) != size ||
        std::rename(fresh.c_str(), path.c_str()) != 0) {
        return failure(Error::from_errno("write " + path));
    }
    return {};
}

}  // namespace torchelastic::agent
