// JSON lines.
#include "watchdog/request.h"

#include <cmath>
#include <csignal>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace torchelastic::watchdog {

namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr int kLargestPid = 1 << 22;  // the kernel's PID_MAX_LIMIT
constexpr std::size_t kShown = 200;

template <class Number>
Result<Number> number_at(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number()) {
        return failure(std::string("\"") + name + "\" is no number");
    }
    return found->get<Number>();
}

Result<int> whole_at(const json& object, const char* name) {
    const auto number = number_at<double>(object, name);
    if (!number) return failure(number.error());
    if (!(std::abs(*number) <= std::numeric_limits<int>::max()) || *number != std::trunc(*number)) {
        return failure(std::string("\"") + name + "\" makes no sense");
    }
    return static_cast<int>(*number);
}

Result<Request> request_from(const json& object) {
    if (!object.is_object()) return failure("it is no JSON object");
    const auto version = whole_at(object, "version");
    if (!version) return failure(version.error());
    if (*version != kVersion) return failure("its version is not 1");
    const auto pid = whole_at(object, "pid");
    if (!pid) return failure(pid.error());
    if (*pid <= 1 || *pid > kLargestPid) return failure("\"pid\" is no worker's");
    const auto expires = number_at<double>(object, "expiration_time");
    if (!expires) return failure(expires.error());
    const auto signal = whole_at(object, "signal");
    if (!signal) return failure(signal.error());
    if (*signal >= NSIG) return failure("\"signal\" is no signal");
    const auto scope = object.find("scope_id");
    if (scope == object.end() || !scope->is_string()) return failure("\"scope_id\" is no text");
    return Request{*pid, scope->get<std::string>(), *expires, *signal > 0 ? *signal : 0};
}

}  // namespace

Result<Request> parse_request(std::string_view line) {
    auto request = request_from(json::parse(line, nullptr, /*allow_exceptions=*/false));
    if (request) return request;
    return failure(
        std::move(request).error().because("not a timer's request: " + printable(line, kShown)));
}

std::vector<std::string> Lines::take(std::string_view bytes) {
    std::vector<std::string> whole;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        if (!skipping_ && begun_.size() + piece.size() >= kLongest) {
            skipping_ = true;
            ++skipped_;
            begun_.clear();
        }
        if (!skipping_) begun_ += piece;
        if (end == std::string_view::npos) return whole;
        if (!skipping_ && !begun_.empty()) whole.push_back(begun_);
        begun_.clear();
        skipping_ = false;
        bytes.remove_prefix(end + 1);
    }
    return whole;
}

}  // namespace torchelastic::watchdog
