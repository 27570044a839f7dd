// Reading torch's error files.
#include "agent/error_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/text.h"

namespace torchelastic::agent {

namespace {

using nlohmann::json;

constexpr std::size_t kLimit = 256U << 10;

std::string text_at(const json& object, const char* name) {
    if (!object.is_object()) return "";
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

std::optional<RecordedError> parse_error_file(std::string_view text) {
    if (trim(text).empty()) return std::nullopt;
    const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
    RecordedError error;
    if (root.is_object() && root.contains("message")) {
        const json& message = root.at("message");
        if (message.is_string()) {
            error.message = message.get<std::string>();
        } else if (message.is_object()) {
            error.message = text_at(message, "message");
            if (message.contains("extraInfo")) {
                error.traceback = text_at(message.at("extraInfo"), "py_callstack");
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
    std::string text(kLimit, '\0');
    const ssize_t got = ::read(file.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return parse_error_file(text);
}

}  // namespace torchelastic::agent
