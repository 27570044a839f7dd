// "name=value", one word each.
#include "spank/site.h"

#include <cstdlib>
#include <string_view>

namespace torchelastic::door {

namespace {

constexpr long kLastPort = 65535;

bool is_range(const std::string& text) {
    const auto dash = text.find('-');
    if (dash == std::string::npos) return false;
    for (const std::string& digits : {text.substr(0, dash), text.substr(dash + 1)}) {
        if (digits.empty() || digits.size() > 5) return false;
        if (digits.find_first_not_of("0123456789") != std::string::npos) return false;
    }
    const long low = std::strtol(text.c_str(), nullptr, 10);
    const long high = std::strtol(text.c_str() + dash + 1, nullptr, 10);
    return low >= 1 && low <= high && high <= kLastPort;
}

/// Only %u, %j and %% stand in it.
bool is_pattern(std::string_view text) {
    for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 2)) {
        if (at + 1 == text.size()) return false;
        if (std::string_view("uj%").find(text[at + 1]) == std::string_view::npos) return false;
    }
    return true;
}

/// Why `value` cannot be; empty if it can and is taken.
std::string take(Site& site, std::string_view name, const std::string& value) {
    if (name == "agent") {
        if (!value.starts_with('/')) return "not an absolute path";
        site.agent = value;
    } else if (name == "mpi") {
        if (value != "auto" && value != "off") return "neither auto nor off";
        site.mpi = value == "auto";
    } else if (name == "port_range") {
        if (!is_range(value)) return "not LOW-HIGH, two ports from 1 to 65535";
        site.port_range = value;
    } else if (name == "log_dir") {
        if (!value.starts_with('/')) return "not an absolute path";
        if (!is_pattern(value)) return "of patterns only %u, %j and %% are known";
        site.log_dir = value;
    } else {
        return "not one of agent=PATH, mpi=auto|off, port_range=LOW-HIGH, log_dir=DIR";
    }
    return {};
}

}  // namespace

Site read_site(const std::vector<std::string>& words) {
    Site site;
    for (const std::string& word : words) {
        const auto equals = word.find('=');
        const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
        const std::string why = take(site, std::string_view(word).substr(0, equals), value);
        if (why.empty()) continue;
        if (!site.trouble.empty()) site.trouble += "; ";
        site.trouble.append("'").append(word).append("': ").append(why);
    }
    return site;
}

std::string log_dir_of(const std::string& pattern, const std::string& user,
                       const std::string& job) {
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%' || i + 1 == pattern.size()) {
            path += pattern[i];
            continue;
        }
        const char what = pattern[++i];
        path += what == 'u' ? user : what == 'j' ? job : std::string(1, what);
    }
    return path;
}

}  // namespace torchelastic::door
