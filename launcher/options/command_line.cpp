// argparse's algorithm, as of Python 3.14, for one positional followed by the rest of the line.
#include "options/command_line.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::options {

namespace {

constexpr std::pair<std::string_view, Shell> kShells[] = {
    {"bash", Shell::bash}, {"zsh", Shell::zsh}, {"tcsh", Shell::tcsh}};

/// One way to write an option: "-m", "--max-restarts", "--max_restarts".
struct Spelling {
    std::string text;
    const Option* option;
};

/// What an argument that looks like an option may mean.
struct Match {
    const Spelling* spelling;
    std::optional<std::string> value;  ///< what is attached to it
    bool equals = false;               ///< attached by '='
};

/// "-1", "-.5", "-1e3", "-1x": a value, because no option of ours looks like a number.
bool is_negative_number(std::string_view text) {
    text.remove_prefix(text.starts_with("-.") ? 2 : 1);
    return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

/// One argument before the script. Not an option: it is a value or the script. An option without
/// matches is unknown, with several it is ambiguous.
struct Reading {
    bool option = false;
    std::vector<Match> matches;
};

/// The options that a command knows.
class Vocabulary {
public:
    explicit Vocabulary(Command command) {
        for (std::size_t i = 0; i < kOptionCount; ++i)
            add(kOptions[i]);
        if (command == Command::launch) add(kUseEnv);
    }

    const Spelling* find(std::string_view text) const {
        for (const Spelling& spelling : spellings_) {
            if (spelling.text == text) return &spelling;
        }
        return nullptr;
    }

    Reading read(const std::string& argument) const {
        if (argument.size() < 2 || argument[0] != '-') return {};
        if (const Spelling* exact = find(argument)) return {true, {{exact, std::nullopt}}};
        if (const auto equals = argument.find('='); equals != std::string::npos) {
            if (const Spelling* exact = find(argument.substr(0, equals))) {
                return {true, {{exact, argument.substr(equals + 1), true}}};
            }
        }
        std::vector<Match> matches = prefix_matches(argument);
        if (matches.empty() &&
            (is_negative_number(argument) || argument.find(' ') != std::string::npos)) {
            return {};
        }
        return {true, std::move(matches)};
    }

private:
    void add(const Option& option) {
        for (std::string& text : all_spellings(option))
            spellings_.push_back({std::move(text), &option});
    }

    /// The options whose name begins so, or whose letter this is. "-=x" begins all, as "--=x".
    std::vector<Match> prefix_matches(const std::string& argument) const {
        std::vector<Match> matches;
        if (argument[1] != '-' && argument[1] != '=') {
            if (const Spelling* spelling = find(argument.substr(0, 2))) {
                matches.push_back({spelling, argument.substr(2)});
            }
            return matches;
        }
        const auto equals = argument.find('=');
        const std::string prefix = argument.substr(0, equals);
        for (const Spelling& spelling : spellings_) {
            if (!spelling.text.starts_with(prefix)) continue;
            Match match{&spelling, std::nullopt, equals != std::string::npos};
            if (match.equals) match.value = argument.substr(equals + 1);
            matches.push_back(match);
        }
        return matches;
    }

    std::vector<Spelling> spellings_;
};

/// Reads one command line. Every step returns true to go on; else `end_` says how it ended.
class Scan {
public:
    Scan(const std::vector<std::string>& arguments, Command command)
        : arguments_(arguments), vocabulary_(command) {}

    std::variant<CommandLine, Help, Version, Completion, UsageError> run() {
        while (next_ < arguments_.size()) {
            const std::string& argument = arguments_[next_++];
            const Reading reading = vocabulary_.read(argument);
            if (argument == "--" || !reading.option) {
                script_begins(argument == "--" ? next_ : next_ - 1);
                break;
            }
            if (!take(argument, reading.matches)) return std::move(end_);
        }
        return std::move(line_);
    }

private:
    void script_begins(std::size_t at) {
        if (at >= arguments_.size()) return;
        const auto script = arguments_.begin() + static_cast<std::ptrdiff_t>(at);
        line_.script = *script;
        line_.script_args.assign(script + 1, arguments_.end());
    }

    bool take(const std::string& argument, const std::vector<Match>& matches) {
        if (matches.empty()) {
            line_.unrecognized.push_back(argument);
            return true;
        }
        if (matches.size() > 1) {
            std::vector<std::string> names;
            names.reserve(matches.size());
            for (const Match& match : matches)
                names.push_back(match.spelling->text);
            return error(fmt::format("ambiguous option: {} could match {}",
                                     printable(argument, 200), join(names, ", ")));
        }
        return take(matches.front());
    }

    /// As in argparse, a cluster of letters is first understood to its end: "-ht" is no call for
    /// help.
    bool take(Match match) {
        std::vector<const Option*> flags;
        while (match.spelling->option->kind == Kind::flag) {
            const Option& option = *match.spelling->option;
            flags.push_back(&option);
            if (!match.value) return set_all(flags);
            const std::string attached = *match.value;
            const bool letter = match.spelling->text[1] != '-';
            if (!letter || match.equals || attached.empty() || attached[0] == '-') {
                return error(fmt::format("argument {}: ignored explicit argument {}",
                                         spellings(option), in_quotes(attached)));
            }
            match = after_letter(attached);
            if (match.spelling == nullptr) {
                line_.unrecognized.push_back("-" + attached);
                return set_all(flags);
            }
        }
        const Option& option = *match.spelling->option;
        if (!match.value) {
            if (next_ == arguments_.size() || arguments_[next_] == "--" ||
                vocabulary_.read(arguments_[next_]).option) {
                return error(fmt::format("argument {}: expected one argument", spellings(option)));
            }
            match.value = arguments_[next_++];
        }
        return set_all(flags) && set(option, *match.value);
    }

    bool set_all(const std::vector<const Option*>& flags) {
        return std::all_of(flags.begin(), flags.end(),
                           [&](const Option* flag) { return set(*flag, ""); });
    }

    /// "r3" behind the 'm' of "-mr3".
    Match after_letter(const std::string& attached) const {
        Match match{vocabulary_.find(std::string("-") + attached[0]), std::nullopt};
        if (attached.size() == 1) return match;
        match.equals = attached[1] == '=';
        match.value = attached.substr(match.equals ? 2 : 1);
        return match;
    }

    bool set(const Option& option, std::string value) {
        const std::string_view name = option.name;
        if (name == "print-completion") return complete(option, value);
        if (name == "help") end_ = Help{};
        if (name == "version") end_ = Version{};
        if (name == "help" || name == "version") return false;
        if (&option == &kUseEnv) {
            line_.use_env = true;
            return true;
        }
        line_.values[static_cast<std::size_t>(&option - kOptions)] = std::move(value);
        return true;
    }

    bool complete(const Option& option, std::string_view shell) {
        for (const auto& [name, known] : kShells) {
            if (shell != name) continue;
            end_ = Completion{known};
            return false;
        }
        return error(
            fmt::format("argument {}: invalid choice: {} (choose from 'bash', 'zsh', 'tcsh')",
                        spellings(option), in_quotes(shell)));
    }

    bool error(std::string text) {
        end_ = UsageError{std::move(text)};
        return false;
    }

    const std::vector<std::string>& arguments_;
    const Vocabulary vocabulary_;
    std::size_t next_ = 0;
    CommandLine line_;
    std::variant<CommandLine, Help, Version, Completion, UsageError> end_;
};

}  // namespace

std::variant<CommandLine, Help, Version, Completion, UsageError> scan(
    const std::vector<std::string>& arguments, Command command) {
    return Scan(arguments, command).run();
}

std::vector<std::string> all_spellings(const Option& option) {
    std::vector<std::string> all;
    if (option.letter != 0) all.push_back(std::string("-") + option.letter);
    const std::string name = option.name;
    std::string other = name;
    std::replace(other.begin(), other.end(), '-', '_');
    all.push_back("--" + name);
    if (other != name) all.push_back("--" + other);
    return all;
}

std::string spellings(const Option& option) {
    return join(all_spellings(option), "/");
}

std::string variable(const Option& option) {
    std::string name = "PET_";
    for (const char* c = option.name; *c != '\0'; ++c) {
        name += *c >= 'a' && *c <= 'z' ? static_cast<char>(*c - 32) : *c == '-' ? '_' : *c;
    }
    return name;
}

}  // namespace torchelastic::options
