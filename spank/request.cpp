// Values and command lines of srun.
#include "spank/request.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace torchelastic::door {

namespace {

using options::Kind;
using options::Option;

/// srun's options (22.05 to 26.05) that never take the next word as their value.
constexpr std::string_view kAlone =
    " bcast contiguous disable-status exact exclusive help hold immediate interactive "
    "kill-on-bad-exit label multi-prog nice no-allocate no-kill overcommit overlap "
    "oversubscribe preserve-env propagate pty quiet quit-on-interrupt reboot "
    "resv-ports send-libs share spread-job test-only unbuffered usage use-min-nodes "
    "verbose version x11 torchelastic ";
constexpr std::string_view kGpu = "gres/gpu";
constexpr std::size_t kMaxDigits = 5;  // of a number of GPUs or tasks

constexpr std::string_view kLettersAlone = "EHlOsQuvVXZh";
constexpr std::string_view kLettersWithRest = "IkK";  // an optional value, only in the same word

bool is_alone(std::string_view name) {
    if (kAlone.find(" " + std::string(name) + " ") != std::string_view::npos) return true;
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        const Option& option = options::kOptions[i];
        if (option.srun && option.kind == Kind::flag && name == option.name) return true;
    }
    return false;
}

/// A bundle of letters, as "vN4" or "vN": the one that takes the rest as its value, or the next
/// word if there is no rest; 0 if none does.
struct Bundle {
    char taker = 0;
    bool wants_word = false;
};

Bundle unbundle(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (kLettersWithRest.find(letters[i]) != std::string_view::npos) return {};
        if (kLettersAlone.find(letters[i]) == std::string_view::npos) {
            return {letters[i], i + 1 == letters.size()};
        }
    }
    return {};
}

/// Python's int(): blanks around, a sign, '_' between digits.
bool is_integer(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
        text.remove_suffix(1);
    }
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
    bool digit = false;
    for (const unsigned char c : text) {
        if (!std::isdigit(c) && !(c == '_' && digit)) return false;
        digit = c != '_';
    }
    return digit;
}

bool is_number(const char* text) {
    char* end = nullptr;
    std::strtod(text, &end);
    return end != text && *end == '\0';
}

bool is_one_of(std::string_view value, std::string_view choices) {
    for (;;) {
        const auto comma = choices.find(',');
        if (value == choices.substr(0, comma)) return true;
        if (comma == std::string_view::npos) return false;
        choices.remove_prefix(comma + 1);
    }
}

}  // namespace

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
        std::string("--") + option.name + "=" + (value == nullptr ? "" : value) + ": ";
    if (option.kind == Kind::flag) return {};
    if (is_bare(value)) return given + "a value is missing";
    if (std::strpbrk(value, "\r\n") != nullptr) return given + "a value is one line";
    if (option.kind == Kind::integer && !is_integer(value)) {
        return given + "not a whole number";
    }
    if (option.kind == Kind::number && !is_number(value)) return given + "not a number";
    if (option.kind == Kind::choice && !is_one_of(value, option.choices)) {
        return given + "not one of " + option.choices;
    }
    return {};
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
    const auto colon = per_task.rfind(':');
    const std::size_t number = colon == std::string::npos ? 0 : colon + 1;
    const std::string gpus = per_task.substr(number);
    const auto paren = tasks_per_node.find("(x");
    const std::string tasks = tasks_per_node.substr(0, paren);
    for (const std::string& digits : {gpus, tasks}) {
        if (digits.empty() || digits.size() > kMaxDigits) return {};
        if (digits.find_first_not_of("0123456789") != std::string::npos) return {};
    }
    // Of several types, or of "4(x2),2" tasks, there is no one number.
    if (per_task.find(',') != std::string::npos) return {};
    if (tasks_per_node.find(',') != std::string::npos) return {};
    return per_task.substr(0, number) + std::to_string(std::stoul(gpus) * std::stoul(tasks));
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

CommandLine scan(const std::vector<std::string>& arguments) {
    CommandLine line;
    bool value_may_follow = false;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        if (word == "--") break;
        if (!word.starts_with('-') || word == "-") {
            if (!value_may_follow) break;  // the program
            value_may_follow = false;
            continue;
        }
        if (!word.starts_with("--")) {
            const Bundle bundle = unbundle(word.substr(1));
            line.tasks |= bundle.taker == 'n';
            value_may_follow = bundle.wants_word;
            continue;
        }
        const auto equals = word.find('=');
        const std::string_view name = word.substr(2, equals == word.npos ? equals : equals - 2);
        value_may_follow = equals == word.npos && !is_alone(name);
        line.tasks |= name == "ntasks";
        // As getopt_long does, take an abbreviation.
        if (name.size() >= 2 && std::string_view("torchelastic").starts_with(name)) {
            line.elastic = read_switch(equals == word.npos ? nullptr : &word[equals + 1]);
            value_may_follow = false;
        }
        if (name.size() >= 3 && std::string_view("multi-prog").starts_with(name)) {
            line.multi_prog = true;
        }
    }
    return line;
}

}  // namespace torchelastic::door
