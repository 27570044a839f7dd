// Looking for the script.
#include "agent/script.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/text.h"

namespace torchelastic::agent {

namespace {

bool is_there(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

/// A word such as "python" or "bash", which people put before the script's name. Debian's PATH may
/// have a python3 only.
bool is_program(const std::string& word, const Environment& environment) {
    if (word == "python") return true;
    const auto path = environment.find("PATH");
    if (path == environment.end() || word.empty() || word.find('/') != std::string::npos) {
        return false;
    }
    for (std::string& folder : split(path->second, ':')) {
        if (::access(folder.append("/").append(word).c_str(), X_OK) == 0) return true;
    }
    return false;
}

bool is_machine_code(const std::string& path) {
    constexpr std::array<char, 4> kElf{0x7f, 'E', 'L', 'F'};
    std::array<char, 4> begin{};
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const ssize_t length = ::read(file, begin.data(), begin.size());
    ::close(file);
    return length == static_cast<ssize_t>(begin.size()) && begin == kElf;
}

constexpr const char* kIsProgram =
    "it is a program, not a Python script: give --no-python, or leave it out if a script follows";

constexpr const char* kIsLauncher = "it is a launcher, and so is this: leave it out";

bool is_launcher(const std::string& word) {
    return word == "torchrun" || word == "torchelastic";
}

}  // namespace

Result<void> find_script(const options::Options& options, const Environment& environment) {
    const std::string& script = options.script;
    const auto python = environment.find("PYTHON_EXEC");
    const bool chosen = python != environment.end() && !python->second.empty();
    if (options.no_python || options.module || chosen || script == "-") return {};
    const std::string attempt = "start " + script;
    struct stat status {};
    if (::stat(script.c_str(), &status) != 0 || ::access(script.c_str(), R_OK) != 0) {
        const Error error = Error::from_errno(attempt);
        if (!is_program(script, environment)) return failure(error);
        if (is_launcher(script)) return failure(Error(kIsLauncher).because(attempt));
        return failure(Error(kIsProgram).because(attempt));
    }
    if (S_ISREG(status.st_mode) && is_machine_code(script)) {
        return failure(Error(kIsProgram).because(attempt));
    }
    if (!S_ISDIR(status.st_mode) || is_there(script + "/__main__.py") ||
        is_there(script + "/__main__.pyc")) {
        return {};
    }
    return failure(Error("it is a folder without a __main__.py").because(attempt));
}

}  // namespace torchelastic::agent
