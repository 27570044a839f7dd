// What is known about the command line is written once per shell; the table fills in the data.
#include "options/completion.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "options/command_line.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

/// Behind the data. COMP_WORDS and friends are bash's; $1 is the program.
constexpr std::string_view kBash = R"bash(
_torchelastic() {
    COMPREPLY=()
    # Readline splits words at = and : as well; here they are put together again.
    local words=() piece line=$COMP_LINE i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if [[ $i != 0 && $line != [[:space:]]* ]] &&
            [[ $piece == [=:]* || ${COMP_WORDS[i - 1]} == *[=:] ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        line=${line#*"$piece"}
    done
    local last=$((${#words[@]} - 1)) option known=$_torchelastic_known
    local word=${words[last]}

    i=1
    if [[ ${1##*/} != torchrun ]]; then
        if ((last == 1)); then
            COMPREPLY=($(compgen -W "$_torchelastic_commands" -- "$word"))
            return
        fi
        case ${words[1]} in
        run) i=2 ;;
        launch) i=2 known+=' --use-env' ;;
        -*) ;;
        *) return ;;
        esac
    fi

    # Behind the script, and behind --, readline completes names of files.
    while ((i < last)); do
        [[ ${words[i]} == -?* && ${words[i]} != -- ]] || return
        _torchelastic_taker "${words[i]}"
        ((i += ${#option} == 0 ? 1 : 2))
    done
    if ((i > last)); then
        _torchelastic_values "$word" ''
    elif [[ $word == --*=* ]]; then
        _torchelastic_taker "${word%%=*}"
        # Readline replaces only what follows the =, if it splits words there.
        [[ $COMP_WORDBREAKS == *=* ]] && piece= || piece=${word%%=*}=
        _torchelastic_values "${word#*=}" "$piece"
    elif [[ $word == -* ]]; then
        [[ $word != *_* ]] || known=$_torchelastic_other
        COMPREPLY=($(compgen -W "$known" -- "$word"))
    fi
}

# Sets `option` to what takes the next word as its value, in full; to nothing if $1 does not.
_torchelastic_taker() {
    option=
    local all=()
    if [[ $1 == --* ]]; then
        all=($(compgen -W "$_torchelastic_known $_torchelastic_other" -- "$1"))
        [[ ${#all[@]} != 1 || " $_torchelastic_valued " != *" ${all[0]} "* ]] || option=${all[0]}
    elif [[ $1 =~ $_torchelastic_letter ]]; then
        option=-${BASH_REMATCH[1]}
    fi
}
)bash";

/// Behind the data of zsh: `specs` for _arguments.
constexpr std::string_view kZsh = R"zsh(
_torchelastic() {
    local -a specs=($_torchelastic_specs)
    if [[ $words[1]:t != torchrun && $words[2] != -* ]]; then
        if ((CURRENT == 2)); then
            local -a commands=('run:run a script as torchrun does'
                               'launch:run a script as torch.distributed.launch does')
            _describe command commands
            return
        fi
        [[ $words[2] == (run|launch) ]] || return 1
        [[ $words[2] == run ]] || specs+=('(--use-env --use_env)'{--use-env,--use_env}'[USE_ENV]')
        shift words
        ((CURRENT--))
    fi
    _arguments -s -S -A '-*' : $specs ':training_script:_files' '*:argument:_files'
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _torchelastic "$@"
else
    compdef _torchelastic PROGRAM
fi
)zsh";

void replace(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), with);
        at += with.size();
    }
}

std::string program(Command command) {
    return command == Command::torchrun ? "torchrun" : "torchelastic";
}

/// An explanation as long as a line of a menu.
std::string gist(const Option& option) {
    const std::string_view help = option.help;
    return std::string(help.substr(0, help.find_first_of(":;,")));
}

std::vector<std::string> choices(const Option& option) {
    return option.choices ? split(option.choices, ',') : std::vector<std::string>();
}

std::string bash(Command command) {
    std::string letters_alone;
    std::string letters_valued;
    std::string known;
    std::string other;
    std::string valued;
    std::string values;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Option& option = kOptions[i];
        const bool takes = option.kind != Kind::flag;
        if (option.letter != 0) (takes ? letters_valued : letters_alone) += option.letter;
        const auto all = all_spellings(option);
        for (const std::string& spelling : all) {
            std::string& list = spelling.find('_') == std::string::npos ? known : other;
            if (spelling.starts_with("--")) list += " " + spelling;
            if (takes) valued += " " + spelling;
        }
        if (takes && option.choices) {
            values +=
                fmt::format("    {}) all='{}' ;;\n", join(all, " | "), join(choices(option), " "));
        }
    }
    return fmt::format(
        "# Completion of bash for {0}.\n"
        "_torchelastic_commands='run launch --help --version --print-completion'\n"
        "_torchelastic_known='{1}'\n"
        "_torchelastic_other='{2} --use_env'\n"
        "_torchelastic_valued='{3}'\n"
        "_torchelastic_letter='^-[{4}]*([{5}])$'\n"
        "{6}\n"
        "# The values of $option that begin with $1, as far as they are words; $2 comes before "
        "them.\n"
        "_torchelastic_values() {{\n"
        "    local all=\n"
        "    case $option in\n{7}    esac\n"
        "    COMPREPLY=($(compgen -P \"$2\" -W \"$all\" -- \"$1\"))\n"
        "}}\n\n"
        "complete -o default -F _torchelastic {0}\n",
        program(command), trim(known), trim(other), trim(valued), letters_alone, letters_valued,
        kBash, values);
}

/// Inside an apostrophe and a specification of _arguments.
std::string for_zsh(std::string text) {
    for (const char* special : {"[", "]", ":"})
        replace(text, special, std::string("\\") + special);
    replace(text, "'", "'\\''");
    return text;
}

std::string zsh(Command command) {
    std::string specs;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Option& option = kOptions[i];
        const auto all = all_spellings(option);
        std::string value;
        if (option.kind != Kind::flag) {
            value = fmt::format(":{}:", for_zsh(option.metavar));
            if (option.choices) value += fmt::format("({})", join(choices(option), " "));
            if (option.kind == Kind::file) value += "_files -/";
        }
        for (const std::string& spelling : all) {
            // "+" and "=": the value follows a letter, or the equals sign, or is the next word.
            const char* attached = value.empty() ? "" : spelling[1] == '-' ? "=" : "+";
            specs += fmt::format("    '({}){}{}[{}]{}'\n", join(all, " "), spelling, attached,
                                 for_zsh(gist(option)), value);
        }
    }
    std::string rest(kZsh);
    replace(rest, "USE_ENV", "Pass no --local-rank to training_script");
    replace(rest, "PROGRAM", program(command));
    return fmt::format(
        "#compdef {0}\n# Completion of zsh for {0}.\ntypeset -ga _torchelastic_specs=(\n{1})\n{2}",
        program(command), specs, rest);
}

/// Rules are "place@pattern@words@"; the first that fits counts.
std::string tcsh(Command command) {
    std::vector<std::string> names;
    std::vector<std::string> letters;
    std::vector<std::string> rules;
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Option& option = kOptions[i];
        names.emplace_back(option.name);
        if (option.letter != 0) letters.emplace_back(1, option.letter);
        if (option.kind == Kind::flag) continue;
        std::string values = option.kind == Kind::file ? "d" : "f";
        if (option.choices) values = "(" + join(choices(option), " ") + ")";
        for (const std::string& spelling : all_spellings(option)) {
            rules.push_back(fmt::format("'n@{}@{}@'", spelling, values));
            if (spelling[1] == '-') rules.push_back(fmt::format("'c@{}=@{}@'", spelling, values));
        }
    }
    rules.push_back(fmt::format("'c@--@({})@'", join(names, " ")));
    rules.push_back(fmt::format("'c@-@({})@'", join(letters, " ")));
    if (command != Command::torchrun) rules.emplace_back("'p@1@(run launch)@'");
    rules.emplace_back("'n@*@f@'");
    return fmt::format("# Completion of tcsh for {0}.\ncomplete {0} {1}\n", program(command),
                       join(rules, " "));
}

}  // namespace

std::string completion(Shell shell, Command command) {
    switch (shell) {
        case Shell::bash:
            return bash(command);
        case Shell::zsh:
            return zsh(command);
        case Shell::tcsh:
            break;
    }
    return tcsh(command);
}

}  // namespace torchelastic::options
