// The worker's argv.
#include "agent/command.h"

#include <cctype>
#include <string_view>

namespace torchelastic::agent {

namespace {

void replace_all(std::string& text, std::string_view what, const std::string& with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), with);
        at += with.size();
    }
}

/// "$local_rank" within "$local_ranks" is another name.
void replace_bare(std::string& text, const std::string& with) {
    constexpr std::string_view kMacro = "$local_rank";
    for (auto at = text.find(kMacro); at != std::string::npos; at = text.find(kMacro, at)) {
        const auto end = at + kMacro.size();
        const unsigned char next = end < text.size() ? static_cast<unsigned char>(text[end]) : ' ';
        if (std::isalnum(next) != 0 || next == '_') {
            at = end;
            continue;
        }
        text.replace(at, kMacro.size(), with);
        at += with.size();
    }
}

/// What --run-path has the interpreter do. torch's @record writes the error file; without torch
/// there is nobody to write one.
constexpr const char* kRunPath =
    "import runpy, sys\n"
    "sys.argv = sys.argv[1:]\n"
    "run = runpy.run_path\n"
    "try:\n"
    "    from torch.distributed.elastic.multiprocessing.errors import record\n"
    "    run = record(run)\n"
    "except ImportError:\n"
    "    pass\n"
    "run(sys.argv[0], run_name='__main__')\n";

}  // namespace

std::vector<std::string> worker_command(const options::Options& options, const Environment& base,
                                        int local_rank) {
    std::vector<std::string> argv;
    if (!options.no_python) {
        const auto chosen = base.find("PYTHON_EXEC");
        const bool given = chosen != base.end() && !chosen->second.empty();
        argv = {given ? chosen->second : "python3", "-u"};
        if (options.module) argv.emplace_back("-m");
        if (options.run_path) argv.insert(argv.end(), {"-c", kRunPath});
    }
    argv.push_back(options.script);
    const std::string rank = std::to_string(local_rank);
    if (options.pass_local_rank) argv.push_back("--local-rank=" + rank);
    for (std::string argument : options.script_args) {
        replace_all(argument, "${local_rank}", rank);
        replace_bare(argument, rank);
        argv.push_back(std::move(argument));
    }
    return argv;
}

}  // namespace torchelastic::agent
