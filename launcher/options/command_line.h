// The grammar of the command line, which is that of Python's argparse with torchrun's positionals:
// spellings, prefixes, clusters of letters, where values come from and where the script begins. It
// knows the table of options and no meaning of any value. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "options/parser.h"
#include "options/table.h"

namespace torchelastic::options {

struct CommandLine {
    /// By place in kOptions: what was given last, "" for a flag; nothing where not given.
    std::vector<std::optional<std::string>> values{kOptionCount};
    bool use_env = false;                   ///< --use-env of `launch`
    std::vector<std::string> unrecognized;  ///< arguments that look like options and are none
    std::optional<std::string> script;
    std::vector<std::string> script_args;  ///< verbatim
};

/// Reads up to the script. --help, --version and --print-completion end it where they stand,
/// as any error does.
std::variant<CommandLine, Help, Version, Completion, UsageError> scan(
    const std::vector<std::string>& arguments, Command command = Command::run);

/// Every way to write it: "-m", "--max-restarts", "--max_restarts".
std::vector<std::string> all_spellings(const Option& option);

/// How messages call an option: "--max-restarts/--max_restarts", "-m/--module".
std::string spellings(const Option& option);

/// "PET_MAX_RESTARTS".
std::string variable(const Option& option);

}  // namespace torchelastic::options
