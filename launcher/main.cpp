// The program `torchelastic`. Called as `torchrun` it is `torchelastic run`; as the task of a step
// of `srun --torchelastic` its arguments are the script's, and options come from the environment.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/environment.h"
#include "agent/start.h"
#include "options/help.h"
#include "options/parser.h"
#include "version.h"

namespace {

using torchelastic::agent::Environment;
namespace options = torchelastic::options;

constexpr int kUsage = 2;
constexpr std::string_view kCommands =
    "usage: torchelastic run [options] script [arguments]\n"
    "       torchelastic --help | --version\n";

void print(std::FILE* where, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), where);
}

/// Started with one of them closed, as by some daemons, the first files that we open would be taken
/// for it.
void hold_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
    }
}

int run_step(const std::string& script, const std::vector<std::string>& arguments,
             const Environment& environment, const options::Environment& lookup) {
    const auto parsed = options::parse_step(script, arguments, lookup);
    if (!parsed) {
        print(stderr, "torchelastic: error: " + parsed.error().text() + "\n");
        return kUsage;
    }
    return torchelastic::agent::run_agent(*parsed, environment);
}

int run_command_line(const std::vector<std::string>& arguments, const Environment& environment,
                     const options::Environment& lookup) {
    const options::Parsed parsed = options::parse(arguments, lookup);
    if (const auto* error = std::get_if<options::UsageError>(&parsed)) {
        print(stderr, options::usage_error(error->text));
        return kUsage;
    }
    if (std::holds_alternative<options::Help>(parsed)) {
        print(stdout, options::help());
        return 0;
    }
    if (std::holds_alternative<options::Version>(parsed)) {
        print(stdout, torchelastic::version());
        return 0;
    }
    return torchelastic::agent::run_agent(std::get<options::Options>(parsed), environment);
}

}  // namespace

int main(int argc, char** argv) {
    hold_standard_descriptors();
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
    if (name == "torchrun") return run_command_line(arguments, environment, lookup);
    const std::string command = arguments.empty() ? "" : arguments.front();
    if (command == "run") {
        arguments.erase(arguments.begin());
        return run_command_line(arguments, environment, lookup);
    }
    if (command == "--version" || command == "--help" || command == "-h") {
        return run_command_line({command}, environment, lookup);
    }
    print(stderr, kCommands);
    return kUsage;
}
