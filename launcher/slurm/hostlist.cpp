// Expansion of Slurm's hostlists: "prefix[ranges]infix[ranges]..., name, ...".
#include "slurm/hostlist.h"

#include <fmt/format.h>

#include "base/text.h"

namespace torchelastic::slurm {

namespace {

constexpr std::size_t kMaxDigits = 12;
constexpr std::size_t kMaxName = 255;  // as long as a name of the DNS may be

using Names = std::vector<std::string>;

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_name(std::string_view text) {
    for (const unsigned char c : text) {
        if (c <= ' ' || c == 0x7F || c == '[' || c == ']') return false;
    }
    return true;
}

/// Appends "first" ... "last", the shorter numbers padded to the width of "first".
Result<void> append_range(std::string_view range, Names& out) {
    const auto dash = range.find('-');
    const std::string_view first = range.substr(0, dash);
    const std::string_view last = dash == std::string_view::npos ? first : range.substr(dash + 1);
    if (!is_digits(first) || !is_digits(last)) {
        return failure(fmt::format("'{}' is not a number or a range of numbers", printable(range)));
    }
    if (first.size() > kMaxDigits || last.size() > kMaxDigits) {
        return failure(fmt::format("the numbers of '{}' are too long", printable(range, 64)));
    }
    const auto low = *parse_int(first);
    const auto high = *parse_int(last);
    if (low > high) return failure(fmt::format("the range '{}' runs backwards", range));
    if (static_cast<std::size_t>(high - low) >= kMaxHosts - out.size()) {
        return failure(fmt::format("it names more than {} nodes", kMaxHosts));
    }
    for (auto number = low; number <= high; ++number) {
        out.push_back(fmt::format("{:0{}}", number, first.size()));
    }
    return {};
}

Result<Names> expand_brackets(std::string_view ranges) {
    Names out;
    for (const std::string& range : split(ranges, ',')) {
        if (auto appended = append_range(range, out); !appended) {
            return failure(std::move(appended).error());
        }
    }
    return out;
}

/// Every name so far with every ending; the ending runs fastest.
Result<Names> product(const Names& names, const Names& endings) {
    if (endings.size() > kMaxHosts / names.size()) {
        return failure(fmt::format("it names more than {} nodes", kMaxHosts));
    }
    Names out;
    out.reserve(names.size() * endings.size());
    for (const std::string& name : names) {
        for (const std::string& ending : endings) {
            if (name.size() + ending.size() > kMaxName) return failure("a name is too long");
            out.push_back(name + ending);
        }
    }
    return out;
}

/// One item of the list, without the commas around it: "r[1-2]n[01-03]-ib".
Result<Names> expand_item(std::string_view item) {
    if (item.empty()) return failure("a name is empty");
    Names names{""};
    while (!item.empty()) {
        const auto open = item.find('[');
        const std::string_view plain = item.substr(0, open);
        if (!is_name(plain)) {
            return failure(fmt::format("'{}' is not part of a name", printable(plain, 64)));
        }
        auto longer = product(names, {std::string(plain)});
        if (!longer) return longer;
        names = std::move(*longer);
        if (open == std::string_view::npos) return names;

        const auto close = item.find(']', open);
        if (close == std::string_view::npos) return failure("a bracket is not closed");
        auto endings = expand_brackets(item.substr(open + 1, close - open - 1));
        if (!endings) return endings;
        longer = product(names, *endings);
        if (!longer) return longer;
        names = std::move(*longer);
        item.remove_prefix(close + 1);
    }
    return names;
}

/// The length of the first item of `text`: up to the first comma outside brackets.
std::size_t item_length(std::string_view text) {
    bool inside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '[') inside = true;
        if (text[i] == ']') inside = false;
        if (text[i] == ',' && !inside) return i;
    }
    return text.size();
}

}  // namespace

Result<std::vector<std::string>> expand_hostlist(std::string_view text) {
    const auto fail = [&](Error error) {
        return failure(std::move(error).because(
            fmt::format("read the list of nodes '{}'", printable(text, 128))));
    };
    Names names;
    std::string_view rest = text;
    while (!text.empty()) {
        const std::size_t length = item_length(rest);
        auto item = expand_item(rest.substr(0, length));
        if (!item) return fail(std::move(item).error());
        if (item->size() > kMaxHosts - names.size()) {
            return fail(Error(fmt::format("it names more than {} nodes", kMaxHosts)));
        }
        for (std::string& name : *item)
            names.push_back(std::move(name));
        if (length == rest.size()) break;
        rest.remove_prefix(length + 1);
    }
    return names;
}

}  // namespace torchelastic::slurm
