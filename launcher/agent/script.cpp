// Looking for the script.
#include "agent/script.h"

#include <sys/stat.h>
#include <unistd.h>

namespace torchelastic::agent {

namespace {

bool is_there(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
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
        return failure(Error::from_errno(attempt));
    }
    if (!S_ISDIR(status.st_mode) || is_there(script + "/__main__.py") ||
        is_there(script + "/__main__.pyc")) {
        return {};
    }
    return failure(Error("it is a folder without a __main__.py").because(attempt));
}

}  // namespace torchelastic::agent
