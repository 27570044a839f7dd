// Python's string.Template, as far as safe_substitute goes.
#include "process/prefix.h"

#include <algorithm>

namespace torchelastic::process {

namespace {

bool starts_name(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool continues_name(char c) {
    return starts_name(c) || (c >= '0' && c <= '9');
}

/// The name at the front of `text`, perhaps empty.
std::string_view name_at(std::string_view text) {
    if (text.empty() || !starts_name(text[0])) return {};
    const auto end = std::find_if_not(text.begin(), text.end(), continues_name);
    return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

}  // namespace

std::string substitute(std::string_view text, const std::vector<Macro>& macros) {
    std::string result;
    while (!text.empty()) {
        const auto dollar = text.find('$');
        result += text.substr(0, dollar);
        if (dollar == std::string_view::npos) break;
        text.remove_prefix(dollar);
        if (text.substr(1, 1) == "$") {
            result += '$';
            text.remove_prefix(2);
            continue;
        }
        const bool braced = text.substr(1, 1) == "{";
        const std::string_view name = name_at(text.substr(braced ? 2 : 1));
        const bool closed = !braced || text.substr(2 + name.size(), 1) == "}";
        const auto macro = std::find_if(macros.begin(), macros.end(),
                                        [&](const Macro& entry) { return entry.name == name; });
        if (name.empty() || !closed || macro == macros.end()) {
            result += '$';
            text.remove_prefix(1);
            continue;
        }
        result += macro->value;
        text.remove_prefix(name.size() + (braced ? 3 : 1));
    }
    return result;
}

std::string prefix(std::string_view text, const PrefixFacts& facts) {
    return substitute(text.empty() ? kDefaultPrefix : text,
                      {{"role_name", facts.role_name},
                       {"local_rank", std::to_string(facts.local_rank)},
                       {"rank", std::to_string(facts.rank)},
                       {"hostname", facts.hostname}});
}

}  // namespace torchelastic::process
