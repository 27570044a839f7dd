// Reading and writing torch's error files.
#include "agent/error_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/text.h"

namespace torchelastic::agent {

namespace {

using nlohmann::json;

constexpr std::size_t kLimit = 1U << 20;

std::string text_at(const json& object, const char* name) {
    if (!object.is_object()) return "";
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// torch writes seconds as text, and reads numbers too.
std::int64_t seconds_at(const json& object, const char* name) {
    if (!object.is_object() || !object.contains(name)) return 0;
    const json& found = object.at(name);
    if (found.is_number_integer()) return found.get<std::int64_t>();
    if (found.is_string()) return parse_int(found.get_ref<const std::string&>()).value_or(0);
    return 0;
}

/// A UTF-16 surrogate at the front of `text`, written as "\udc80", or 0.
unsigned surrogate(std::string_view text) {
    constexpr std::size_t kLength = 6;
    if (text.size() < kLength || !text.starts_with("\\u")) return 0;
    unsigned code = 0;
    const char* end = text.data() + kLength;
    if (std::from_chars(text.data() + 2, end, code, 16).ptr != end) return 0;
    return code >= 0xD800 && code <= 0xDFFF ? code : 0;
}

/// Python writes bytes of file names that are no UTF-8 as half a surrogate pair, which no JSON may
/// hold: they become "\xff", as in our own words.
std::string without_half_pairs(std::string_view text) {
    constexpr unsigned kLow = 0xDC00;
    constexpr std::size_t kLength = 6;
    std::string out;
    while (!text.empty()) {
        std::size_t taken = text[0] == '\\' && text.size() > 1 ? 2 : 1;
        if (const unsigned first = surrogate(text); first != 0) {
            taken = first < kLow && surrogate(text.substr(kLength)) >= kLow ? 2 * kLength : kLength;
            if (taken == kLength) {
                out += fmt::format("\\\\x{:02x}", first & 0xFF);
                text.remove_prefix(taken);
                continue;
            }
        }
        out += text.substr(0, taken);
        text.remove_prefix(taken);
    }
    return out;
}

json parse(std::string_view text) {
    json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!root.is_discarded()) return root;
    const std::string mended = without_half_pairs(text);
    if (mended != text) root = json::parse(mended, nullptr, /*allow_exceptions=*/false);
    return root;
}

std::string document(const std::string& message, const std::string& traceback, std::int64_t time_s,
                     int code) {
    const json extra = {{"py_callstack", traceback}, {"timestamp", std::to_string(time_s)}};
    const json whole = {
        {"message", {{"message", message}, {"extraInfo", extra}, {"errorCode", code}}}};
    return whole.dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return failure(Error::from_errno("write"));
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

/// A pipe without a reader must not hold us up.
Result<void> write_in_place(const std::string& path, std::string_view text) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const Fd file(::open(path.c_str(), flags, 0666));
    if (!file) return failure(Error::from_errno("open it"));
    return write_all(file.get(), text);
}

/// False if this place does not take a file and its change of name.
bool replace(const std::string& path, std::string_view text) {
    const std::string temporary = path + "." + std::to_string(::getpid());
    const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file) return false;
    if (write_all(file.get(), text) && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
    ::unlink(temporary.c_str());
    return false;
}

}  // namespace

std::optional<RecordedError> parse_error_file(std::string_view text) {
    if (trim(text).empty()) return std::nullopt;
    const json root = parse(text);
    RecordedError error;
    if (root.is_object() && root.contains("message")) {
        const json& message = root.at("message");
        if (message.is_string()) {
            error.message = message.get<std::string>();
            error.raised_s = seconds_at(root, "timestamp");
        } else if (message.is_object()) {
            error.message = text_at(message, "message");
            if (message.contains("extraInfo")) {
                const json& extra = message.at("extraInfo");
                error.traceback = text_at(extra, "py_callstack");
                error.raised_s = seconds_at(extra, "timestamp");
            }
        }
    }
    if (error.message.empty() && error.traceback.empty()) {
        error.message = "unreadable error file: " + printable(text, 1024);
    }
    return error;
}

std::optional<RecordedError> read_error_file(const std::string& path) {
    if (path.empty()) return std::nullopt;
    // The worker may have left anything there; a pipe without a writer must not hold us up.
    const Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    std::string text(std::min(kLimit, static_cast<std::size_t>(status.st_size)), '\0');
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return parse_error_file(text);
}

std::string error_document(const coordinator::WorkerFailure& cause) {
    constexpr std::int64_t kMicro = 1000000;
    const bool recorded = !cause.traceback.empty() || !cause.message.empty();
    const bool by_itself = recorded && !cause.never_started;
    return document(by_itself ? cause.message : describe(cause),
                    by_itself ? cause.traceback : cause.stderr_end,
                    cause.raised_s > 0 ? cause.raised_s : cause.time_us / kMicro,
                    cause.signal != 0 ? -cause.signal : shell_code(cause));
}

std::string error_document(const std::string& reason, int exit_code, WallTime now) {
    return document(reason, "", std::chrono::system_clock::to_time_t(now), exit_code);
}

Result<void> leave_error_file(const Environment& environment, std::string_view document) {
    const auto path = environment.find("TORCHELASTIC_ERROR_FILE");
    if (path == environment.end() || path->second.empty()) return {};
    return write_error_file(path->second, document);
}

Result<void> write_error_file(const std::string& path, std::string_view text) {
    const auto failed = [&](Error error) {
        return failure(std::move(error).because("write the error file " + path));
    };
    struct stat status {};
    const bool there = ::lstat(path.c_str(), &status) == 0;
    if ((!there || S_ISREG(status.st_mode)) && replace(path, text)) return {};
    if (auto written = write_in_place(path, text); !written) return failed(written.error());
    return {};
}

}  // namespace torchelastic::agent
