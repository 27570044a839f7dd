// --help and usage.
#include "options/help.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kHelpColumn = 27;

constexpr std::string_view kUsage =
    "usage: torchelastic run [option ...] training_script [argument ...]\n";

constexpr std::string_view kIntroduction =
    "Starts the workers of a distributed PyTorch job on this node, forms one group with the other "
    "nodes, and starts again when a worker or a node fails. Takes the place of torchrun.";

constexpr std::string_view kClosing =
    "An option may be written with - or _ inside its name, and shortened as long as it stays "
    "unambiguous. Where it is not given, the environment variable PET_ and its name counts before "
    "the default: PET_NPROC_PER_NODE=gpu, PET_STANDALONE=1. What follows training_script is passed "
    "to it as it is.";

struct Heading {
    Group group;
    std::string_view text;
};
constexpr std::array kHeadings = {
    Heading{Group::job, "job"},
    Heading{Group::workers, "workers"},
    Heading{Group::restarts, "failures and restarts"},
    Heading{Group::rendezvous, "rendezvous"},
    Heading{Group::output, "output of the workers"},
    Heading{Group::other, "other"},
};

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

std::string help() {
    std::string out(kUsage);
    out += '\n';
    wrap(out, kIntroduction, 0, 0);
    out += "\narguments:\n";
    entry(out, "training_script", "Python script, module (-m) or program (--no-python) to run");
    entry(out, "argument", "Passed to training_script as it is");
    for (const Heading& heading : kHeadings) {
        out += fmt::format("\n{}:\n", heading.text);
        for (std::size_t i = 0; i < kOptionCount; ++i) {
            if (kOptions[i].group == heading.group) entry(out, kOptions[i]);
        }
    }
    out += '\n';
    wrap(out, kClosing, 0, 0);
    return out;
}

std::string usage_error(std::string_view text) {
    return fmt::format("{}torchelastic run: error: {}\n", kUsage, text);
}

}  // namespace torchelastic::options
