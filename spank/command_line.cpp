// As getopt_long would read it, without the table that only srun has.
#include "spank/command_line.h"

#include <string_view>

#include "options/table.h"
#include "spank/request.h"

namespace torchelastic::door {

namespace {

/// Options of srun (22.05 to 26.05), and of pyxis, which many sites have, that never take the next
/// word as their value.
constexpr std::string_view kAlone =
    " async bcast contiguous consolidate-segments disable-status exact exclusive external-launcher "
    "help hold immediate interactive kill-on-bad-exit label multi-prog nice no-allocate no-kill "
    "oom-kill-step overcommit overlap oversubscribe parsable preserve-env propagate pty quiet "
    "quit-on-interrupt reboot resv-ports send-libs share spread-job spread-segments stepmgr "
    "test-only unbuffered usage use-min-nodes verbose version wait-for-children x11 torchelastic "
    "container-entrypoint container-mount-home container-readonly container-remap-root "
    "container-writable no-container-entrypoint no-container-mount-home "
    "no-container-remap-root ";
constexpr std::string_view kLettersAlone = "EHlOsQuvVXZh";
constexpr std::string_view kLettersWithRest = "IkK";  // an optional value, only in the same word

/// Options that take a value and whose names begin others of which this file knows.
constexpr std::string_view kWholeNames = " container gpus nodes wait ";
/// Options that take a value and make the step another than the whole job.
constexpr std::string_view kOfSize =
    " nodes nodelist nodefile exclude relative gpus gpus-per-node gpus-per-socket gpus-per-task "
    "tres-per-task gres het-group ";
constexpr std::string_view kLettersOfSize = "NwxFrG";
/// Options that take a value and tell how the job is split among tasks.
constexpr std::string_view kOfTasks =
    " ntasks ntasks-per-gpu cpus-per-task gpus-per-task tres-per-task gpu-bind ";

bool is_among(std::string_view words, std::string_view name) {
    return words.find(" " + std::string(name) + " ") != std::string_view::npos;
}

/// The first of `words` that begins so; empty if none does.
std::string_view completion(std::string_view words, std::string_view name) {
    const auto found = words.find(" " + std::string(name));
    if (found == std::string_view::npos) return {};
    words.remove_prefix(found + 1);
    return words.substr(0, words.find(' '));
}

/// What getopt_long takes an abbreviation for. One that can mean several options it refuses, so
/// that the first one will do.
std::string_view full_name(std::string_view name) {
    for (const std::string_view words : {kWholeNames, kOfTasks, kOfSize, kAlone}) {
        if (is_among(words, name)) return name;
    }
    std::string_view full;
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        const options::Option& option = options::kOptions[i];
        if (!option.srun) continue;
        if (name == option.name) return name;
        if (std::string_view(option.name).starts_with(name)) full = option.name;
    }
    for (const std::string_view words : {kOfTasks, kOfSize, kAlone}) {
        if (full.empty()) full = completion(words, name);
    }
    return full.empty() ? name : full;
}

bool is_alone(std::string_view name) {
    if (is_among(kAlone, name)) return true;
    for (std::size_t i = 0; i < options::kOptionCount; ++i) {
        const options::Option& option = options::kOptions[i];
        if (option.srun && option.kind == options::Kind::flag && name == option.name) return true;
    }
    return false;
}

/// A bundle of letters, as "vN4" or "vN": the one that takes the rest as its value, or the next
/// word if there is no rest; 0 if none does.
struct Bundle {
    char taker = 0;
    bool wants_word = false;
    bool no_kill = false;
};

Bundle unbundle(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (kLettersWithRest.find(letters[i]) != std::string_view::npos) {
            return {.no_kill = letters[i] == 'k' && letters.substr(i + 1) != "off"};
        }
        if (kLettersAlone.find(letters[i]) == std::string_view::npos) {
            return {.taker = letters[i], .wants_word = i + 1 == letters.size()};
        }
    }
    return {};
}

void note_share(CommandLine& line, std::string_view name) {
    if (!line.shares.empty()) line.shares += ',';
    line.shares += name;
}

/// A long option; `value` is what stands behind its "=", null if nothing does.
void note(CommandLine& line, std::string_view name, const char* value) {
    constexpr std::string_view kShares =
        " exact exclusive overlap cpus-per-task gpus-per-task tres-per-task gpu-bind ";
    line.tasks |= name == "ntasks" || name == "ntasks-per-gpu";
    line.sized |= is_among(kOfSize, name);
    line.interactive |= name == "interactive";
    line.multi_prog |= name == "multi-prog";
    if (name == "torchelastic") line.elastic = read_switch(value);
    if (is_among(kShares, name)) note_share(line, name);
    if (name == "rdzv-backend" && value != nullptr) line.rdzv_backend = value;
    if (name == "nnodes" && value != nullptr) line.nnodes = value;
    if (name == "no-kill") line.no_kill = value == nullptr || std::string_view(value) != "off";
}

}  // namespace

CommandLine scan(const std::vector<std::string>& arguments) {
    CommandLine line;
    std::string_view open;  // the option whose value may follow, without its dashes
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "--") break;
        if (!word.starts_with('-') || word == "-") {
            if (open.empty()) break;  // the program
            if (open == "rdzv-backend") line.rdzv_backend = word;
            if (open == "nnodes") line.nnodes = word;
            open = {};
            continue;
        }
        if (!word.starts_with("--")) {
            const Bundle bundle = unbundle(std::string_view(word).substr(1));
            line.tasks |= bundle.taker == 'n';
            line.no_kill |= bundle.no_kill;
            line.sized |= kLettersOfSize.find(bundle.taker) != std::string_view::npos;
            if (bundle.taker == 'c') note_share(line, "cpus-per-task");
            open = bundle.wants_word ? std::string_view("letter") : std::string_view();
            continue;
        }
        const auto equals = word.find('=');
        const std::string_view name =
            full_name(std::string_view(word).substr(2, equals == word.npos ? equals : equals - 2));
        const bool may_wait = equals == word.npos && !is_alone(name);
        open = may_wait ? name : std::string_view();
        note(line, name, equals == word.npos ? nullptr : word.c_str() + equals + 1);
    }
    return line;
}

}  // namespace torchelastic::door
