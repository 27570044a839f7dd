// The program `torchelastic`. Called as `torchrun` it is `torchelastic run`; as the task of a step
// of `srun --torchelastic` its arguments are the script's, and options come from the environment.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "agent/environment.h"
#include "agent/error_file.h"
#include "agent/stand_in.h"
#include "agent/start.h"
#include "base/text.h"
#include "options/completion.h"
#include "options/help.h"
#include "options/parser.h"
#include "version.h"

namespace {

using torchelastic::agent::Environment;
namespace options = torchelastic::options;

constexpr int kUsage = 2;
constexpr std::string_view kCommands =
    "usage: torchelastic run [option ...] training_script [argument ...]\n"
    "       torchelastic launch [option ...] training_script [argument ...]\n"
    "       torchelastic --help | --version | --print-completion bash|zsh|tcsh\n";

void print(std::FILE* where, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), where);
}

/// What was asked for, on stdout; a script must notice that it is not all there.
int answer(std::string_view text) {
    const bool all = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (all && std::fflush(stdout) == 0) return 0;
    print(stderr, fmt::format("torchelastic: error: write to stdout: {}\n", std::strerror(errno)));
    return 1;
}

/// Started with one of them closed, as by some daemons, the first files that we open would be taken
/// for it.
void hold_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
    }
}

/// Whoever reads our error file is told, too.
int refuse(const Environment& environment, const std::string& reason, const std::string& shown) {
    print(stderr, shown);
    const auto now = std::chrono::system_clock::now();
    const auto left = torchelastic::agent::leave_error_file(
        environment, torchelastic::agent::error_document(reason, kUsage, now));
    if (!left) {
        print(stderr,
              "torchelastic: error: " + torchelastic::printable(left.error().text()) + "\n");
    }
    return kUsage;
}

int run_step(const std::string& script, const std::vector<std::string>& arguments,
             const Environment& environment, const options::Environment& lookup) {
    const auto parsed = options::parse_step(script, arguments, lookup);
    if (!parsed) {
        const std::string& reason = parsed.error().text();
        return refuse(environment, reason, "torchelastic: error: " + reason + "\n");
    }
    return torchelastic::agent::run_agent(*parsed, environment);
}

int run_command_line(options::Command command, const std::vector<std::string>& arguments,
                     const Environment& environment, const options::Environment& lookup) {
    const options::Parsed parsed = options::parse(arguments, lookup, command);
    if (const auto* error = std::get_if<options::UsageError>(&parsed)) {
        return refuse(environment, error->text, options::usage_error(error->text, command));
    }
    if (std::holds_alternative<options::Help>(parsed)) return answer(options::help(command));
    if (std::holds_alternative<options::Version>(parsed)) return answer(torchelastic::version());
    if (const auto* completion = std::get_if<options::Completion>(&parsed)) {
        return answer(options::completion(completion->shell, command));
    }
    return torchelastic::agent::run_agent(std::get<options::Options>(parsed), environment);
}

int call(int argc, char** argv) {
    const Environment environment = torchelastic::agent::read_environment(environ);
    const options::Environment lookup = [&](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        if (found == environment.end()) return std::nullopt;
        return found->second;
    };
    std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (const auto script = lookup("TORCHELASTIC_STEP_SCRIPT")) {
        return run_step(*script, arguments, environment, lookup);
    }
    const char* slash = argc > 0 ? std::strrchr(argv[0], '/') : nullptr;
    const std::string_view name = slash != nullptr ? slash + 1 : (argc > 0 ? argv[0] : "");
    using options::Command;
    if (name == "torchrun") {
        return run_command_line(Command::torchrun, arguments, environment, lookup);
    }
    const std::string command = arguments.empty() ? "" : arguments.front();
    if (command == "run" || command == "launch") {
        arguments.erase(arguments.begin());
        return run_command_line(command == "run" ? Command::run : Command::launch, arguments,
                                environment, lookup);
    }
    if (command == "--version" || command == "--help" || command == "-h" ||
        command.starts_with("--print-completion")) {
        return run_command_line(Command::run, arguments, environment, lookup);
    }
    print(stderr, kCommands);
    return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
    torchelastic::agent::make_way(argv);
    hold_standard_descriptors();
    try {
        return call(argc, argv);
    } catch (const std::exception& error) {  // of libraries: no memory, no descriptor for the loop
        print(stderr, std::string("torchelastic: error: ") + error.what() + "\n");
        return 1;
    }
}
