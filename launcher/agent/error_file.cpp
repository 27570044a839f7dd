// Reading torch's error files.
#include "agent/error_file.h"

#include <fstream>

#include <nlohmann/json.hpp>

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
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text(kLimit, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return parse_error_file(text);
}

}  // namespace torchelastic::agent
