// The mistakes, one after the other.
#include "spank/advice.h"

#include <algorithm>
#include <cstdlib>

#include "spank/request.h"

namespace torchelastic::door {

namespace {

constexpr std::size_t kMaxDigits = 6;

std::optional<long> number(const std::string& text) {
    if (text.empty() || text.size() > kMaxDigits) return std::nullopt;
    if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    return std::strtol(text.c_str(), nullptr, 10);
}

std::string several(long n, const std::string& thing) {
    return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string about_binding(const Share& share) {
    if (!share.visible || !share.gpus || *share.visible >= *share.gpus) return {};
    return "the agent of node " + share.node + " sees " + std::to_string(*share.visible) +
           " of the step's " + several(*share.gpus, "GPU") +
           " there: --gpu-bind hides the others; leave it out, the agent hands GPUs to its workers";
}

/// Fewer than the job has on the node, or than there are workers, by an option that counts tasks.
std::string about_gpus(const Share& share) {
    if (!share.gpus) return {};
    const auto workers = number(share.workers);
    const bool starved = workers && *workers > *share.gpus;
    const bool less = share.of_gpus && *share.of_gpus > *share.gpus;
    for (const char* option : {"gpus-per-task", "tres-per-task"}) {
        if (!is_one_of(option, share.asked) || !(starved || less)) continue;
        const long wanted = less ? *share.of_gpus : *workers;
        return std::string("--") + option + " counts for the agent, the one task of node " +
               share.node + ", which has " + several(*share.gpus, "GPU") +
               ": use --gpus-per-node=" + std::to_string(wanted);
    }
    if (less && is_one_of("overlap", share.asked)) {
        return "the step has " + std::to_string(*share.gpus) + " of the job's " +
               several(*share.of_gpus, "GPU") + " on node " + share.node +
               ": another step holds the others, and --overlap shares CPUs only; end that step, or "
               "give it fewer by --gpus-per-node";
    }
    return {};
}

std::string about_cores(const Share& share) {
    if (!share.cores || !share.of_cores || *share.cores >= *share.of_cores) return {};
    const bool by_gpu = is_one_of(share.workers, "gpu,auto");
    const long workers = by_gpu ? share.visible.value_or(1) : number(share.workers).value_or(1);
    if (workers <= *share.cores) return {};
    const bool counted = is_one_of("cpus-per-task", share.asked);
    std::string option = "--exact";
    if (counted) {
        option = "--cpus-per-task (-c)";
    } else if (is_one_of("exclusive", share.asked)) {
        option = "srun's --exclusive, which implies --exact,";
    } else if (!is_one_of("exact", share.asked)) {
        option = "SLURM_EXACT or the like";
    }
    return std::to_string(workers) + " workers share " + several(*share.cores, "CPU core") +
           " of the job's " + std::to_string(*share.of_cores) + " on node " + share.node + ": " +
           option + " counts for the agent alone; leave it out or " +
           (counted ? "make it the node's number of CPUs"
                    : "add --cpus-per-task with the node's number of CPUs");
}

}  // namespace

std::vector<std::string> advice(const Share& share) {
    std::vector<std::string> lines;
    for (const std::string& line : {about_binding(share), about_gpus(share), about_cores(share)}) {
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

long count_list(const std::string& list) {
    long total = 0;
    for (std::size_t begin = 0; begin < list.size();) {
        const std::size_t end = std::min(list.find(',', begin), list.size());
        const std::string item = list.substr(begin, end - begin);
        const auto dash = item.find('-');
        const auto first = number(item.substr(0, dash));
        const auto last = dash == std::string::npos ? first : number(item.substr(dash + 1));
        const bool range = first && last && *last >= *first;
        total += range ? *last - *first + 1 : item.empty() ? 0 : 1;
        begin = end + 1;
    }
    return total;
}

}  // namespace torchelastic::door
