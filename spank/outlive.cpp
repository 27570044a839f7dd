// Numbers and words, as sbatch would read them.
#include "spank/outlive.h"

#include <charconv>
#include <optional>

namespace torchelastic::door {

namespace {

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Takes the text up to `mark`, which goes, too, from the front of `rest`.
std::string_view take(std::string_view& rest, char mark) {
    const auto end = rest.find(mark);
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    return taken;
}

}  // namespace

bool can_lose_nodes(std::string_view nnodes, std::uint32_t nodes) {
    const auto min = number(take(nnodes, ':'));
    if (!min) return false;
    const auto max = number(nnodes);
    return *min < (nodes != 0 ? nodes : max.value_or(0));
}

bool says_no_kill(std::string_view script) {
    constexpr std::string_view kMark = "#SBATCH";
    while (!script.empty()) {
        std::string_view line = take(script, '\n');
        if (!line.starts_with(kMark)) continue;
        line.remove_prefix(kMark.size());
        while (!line.empty()) {
            std::string_view rest = take(line, '\t');
            while (!rest.empty()) {
                const std::string_view word = take(rest, ' ');
                if (word == "--no-kill" || word == "-k") return true;
            }
        }
    }
    return false;
}

}  // namespace torchelastic::door
