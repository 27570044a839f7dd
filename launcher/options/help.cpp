// --help and usage.
#include "options/help.h"

#include <fmt/format.h>

#include "base/text.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kHelpColumn = 27;

std::string usage(Command command) {
    return fmt::format("usage: {} [option ...] training_script [argument ...]\n", name_of(command));
}

constexpr std::string_view kIntroduction =
    "Starts the workers of a distributed PyTorch job on this node, forms one group with the other "
    "nodes, and starts again when a worker or a node fails. Takes the place of torchrun.";

constexpr std::string_view kLaunch =
    "As torchelastic run, but for scripts that were written for torch.distributed.launch: each "
    "worker gets --local-rank=N in front of its arguments.";

constexpr std::string_view kClosing =
    "An option may be written with - or _ inside its name, and shortened as long as it stays "
    "unambiguous. Where it is not given, the environment variable PET_ and its name counts before "
    "the default: PET_NPROC_PER_NODE=gpu, PET_STANDALONE=1. What follows training_script is passed "
    "to it as it is. Scripts that were written for torch.distributed.launch are started by "
    "torchelastic launch.";

/// Appends `text` from column `at` on, where the last line of `out` already stands; further lines
/// are indented by `indent`.
void wrap(std::string& out, std::string_view text, std::size_t at, std::size_t indent) {
    bool first = true;
    for (const std::string& word : split(text, ' ')) {
        if (!first && at + 1 + word.size() > kWidth) {
            out += '\n' + std::string(indent, ' ');
            at = indent;
            first = true;
        }
        if (!first) out += ' ';
        at += word.size() + (first ? 0 : 1);
        out += word;
        first = false;
    }
    out += '\n';
}

void entry(std::string& out, const std::string& head, std::string_view text) {
    out += "  " + head;
    if (head.size() + 4 > kHelpColumn) {
        out += '\n' + std::string(kHelpColumn, ' ');
    } else {
        out += std::string(kHelpColumn - 2 - head.size(), ' ');
    }
    wrap(out, text, kHelpColumn, kHelpColumn);
}

void entry(std::string& out, const Option& option) {
    std::string head;
    if (option.letter != 0) head = fmt::format("-{}, ", option.letter);
    head += fmt::format("--{}", option.name);
    if (option.metavar) head += fmt::format(" {}", option.metavar);
    std::string text = option.help;
    if (option.initial) text += fmt::format(" (default: {})", option.initial);
    entry(out, head, text);
}

}  // namespace

std::string help(Command command) {
    const bool launch = command == Command::launch;
    std::string out = usage(command) + '\n';
    wrap(out, launch ? kLaunch : kIntroduction, 0, 0);
    out += "\narguments:\n";
    entry(out, "training_script", "Python script, module (-m) or program (--no-python) to run");
    entry(out, "argument", "Passed to training_script as it is");
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Group group = kOptions[i].group;
        if (i == 0 || group != kOptions[i - 1].group) {
            out += fmt::format("\n{}:\n", heading(group));
            if (launch && group == kUseEnv.group) entry(out, kUseEnv);
        }
        entry(out, kOptions[i]);
    }
    out += '\n';
    wrap(out, kClosing, 0, 0);
    return out;
}

std::string usage_error(std::string_view text, Command command) {
    return fmt::format("{}{}: error: {}\n", usage(command), name_of(command), text);
}

std::string_view name_of(Command command) {
    switch (command) {
        case Command::launch:
            return "torchelastic launch";
        case Command::torchrun:
            return "torchrun";
        case Command::run:
            break;
    }
    return "torchelastic run";
}

std::string_view heading(Group group) {
    switch (group) {
        case Group::job:
            return "job";
        case Group::workers:
            return "workers";
        case Group::restarts:
            return "failures and restarts";
        case Group::rendezvous:
            return "rendezvous";
        case Group::output:
            return "output of the workers";
        case Group::other:
            break;
    }
    return "other";
}

}  // namespace torchelastic::options
