// Values of srun's options and variables.
#include "spank/request.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "options/parser.h"

namespace torchelastic::door {

namespace {

using options::Kind;
using options::Option;

constexpr std::string_view kGpu = "gres/gpu";
constexpr std::size_t kMaxDigits = 5;  // of a number of GPUs or tasks

std::optional<std::size_t> number(std::string_view digits) {
    if (digits.empty() || digits.size() > kMaxDigits) return std::nullopt;
    if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
    return std::stoul(std::string(digits));
}

/// "a100:2" for "a100:1" and 2; empty where that is no number of one type.
std::string times(const std::string& gpus, std::optional<std::size_t> factor) {
    const auto colon = gpus.rfind(':');
    const std::size_t begin = colon == std::string::npos ? 0 : colon + 1;
    const auto each = number(std::string_view(gpus).substr(begin));
    if (!each || !factor || gpus.find(',') != std::string::npos) return {};
    return gpus.substr(0, begin) + std::to_string(*each * *factor);
}

/// Bytes that would move a terminal's cursor, or split a line, as "\x0a".
std::string visible(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string shown;
    for (const unsigned char c : text) {
        if (c >= ' ' && c != 0x7F) {
            shown += static_cast<char>(c);
        } else {
            shown += {'\\', 'x', kDigits[c >> 4], kDigits[c & 15]};
        }
    }
    return shown;
}

}  // namespace

bool is_one_of(std::string_view value, std::string_view choices) {
    for (;;) {
        const auto comma = choices.find(',');
        if (value == choices.substr(0, comma)) return true;
        if (comma == std::string_view::npos) return false;
        choices.remove_prefix(comma + 1);
    }
}

bool is_bare(const char* value) {
    return value == nullptr || *value == '\0' || std::strcmp(value, "(null)") == 0;
}

std::optional<bool> read_switch(const char* value) {
    if (is_bare(value)) return true;
    for (const char* word : {"on", "yes", "true", "1"}) {
        if (std::strcmp(value, word) == 0) return true;
    }
    for (const char* word : {"off", "no", "false", "0"}) {
        if (std::strcmp(value, word) == 0) return false;
    }
    return std::nullopt;
}

std::string complaint(const Option& option, const char* value) {
    const std::string given =
        std::string("--") + option.name + "=" + visible(value == nullptr ? "" : value) + ": ";
    if (option.kind == Kind::flag) return {};
    if (is_bare(value)) return given + "a value is missing";
    if (std::strpbrk(value, "\r\n") != nullptr) return given + "a value is one line";
    const auto reason = options::complaint(option, value);
    return reason ? std::string("--") + option.name + ": " + reason->text() : "";
}

std::string pet_name(const Option& option) {
    std::string name = "PET_";
    for (const char* c = option.name; *c != '\0'; ++c) {
        name += *c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
    }
    return name;
}

std::string carrier(const char* option) {
    std::string name = "_SLURM_SPANK_OPTION_torchelastic_";
    for (const char* c = option; *c != '\0'; ++c) {
        name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
    }
    return name;
}

std::string gpus_of_task(const std::string& tres_per_task) {
    std::string gpus;
    std::string_view rest = tres_per_task;
    while (!rest.empty()) {
        const std::string_view item = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(item.size() + 1, rest.size()));
        if (!item.starts_with(kGpu)) continue;
        const std::string_view type_and_number = item.substr(kGpu.size());  // ":a100=1", "=1", ":1"
        if (type_and_number.empty()) continue;
        if (!gpus.empty()) gpus += ',';
        gpus += type_and_number.substr(1);
    }
    std::replace(gpus.begin(), gpus.end(), '=', ':');
    return gpus;
}

std::string gpus_of_node(const std::string& per_task, const std::string& tasks_per_node) {
    // Of "4(x2),2" tasks, there is no one number.
    if (tasks_per_node.find(',') != std::string::npos) return {};
    return times(per_task, number(tasks_per_node.substr(0, tasks_per_node.find("(x"))));
}

std::string gpus_of_job(const std::string& per_task, const std::string& tasks_per_node) {
    std::size_t all = 0;
    std::string_view rest = tasks_per_node;
    while (!rest.empty()) {
        const std::string_view item = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(item.size() + 1, rest.size()));
        const auto paren = item.find("(x");
        const auto tasks = number(item.substr(0, paren));
        const auto nodes = paren == item.npos || !item.ends_with(')')
                               ? std::optional<std::size_t>(1)
                               : number(item.substr(paren + 2, item.size() - paren - 3));
        if (!tasks || !nodes) return {};
        all += *tasks * *nodes;
    }
    return all == 0 ? "" : times(per_task, all);
}

std::string component_ending(std::string_view variable) {
    const std::string_view name = variable.substr(0, variable.find('='));
    if (!name.starts_with("SLURM_")) return {};
    const auto digits = name.find_last_not_of("0123456789") + 1;
    if (digits == name.size()) return {};
    for (const std::string_view ending : {"_HET_GROUP_", "_PACK_GROUP_"}) {
        if (!name.substr(0, digits).ends_with(ending)) continue;
        return std::string(name.substr(digits - ending.size()));
    }
    return {};
}

std::string_view cause_of_end(std::string_view word, const JobEnd& job) {
    if (word == "node") return word;
    if (word != "interrupted") return {};
    if (job.preempted) return "preempt";
    return job.timed_out ? "timeout" : "";
}

std::string agent_beside(const std::string& plugin) {
    std::string prefix = plugin;
    for (int up = 0; up < 3; ++up) {
        const auto slash = prefix.rfind('/');
        if (slash == std::string::npos) return {};
        prefix.resize(slash);
    }
    return prefix + "/bin/torchelastic";
}

}  // namespace torchelastic::door
