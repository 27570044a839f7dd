// Where the text of an option comes from.
#include "options/fields.h"

#include "options/table.h"
#include "options/values.h"

namespace torchelastic::options {

std::optional<Given> Fields::find(std::string_view name) const {
    std::size_t i = 0;
    while (name != kOptions[i].name)
        ++i;
    const Option& option = kOptions[i];
    const std::string argument = "argument " + spellings(option);
    if (line_.values[i]) return Given{*line_.values[i], argument};
    if (auto text = option.pet ? environment_(variable(option)) : std::nullopt) {
        return Given{*text, argument + " (" + variable(option) + ")", Given::From::environment};
    }
    if (option.initial) return Given{option.initial, argument, Given::From::table};
    return std::nullopt;
}

void Fields::flag(std::string_view name, bool& field) {
    const auto given = find(name);
    if (!given) return;
    if (given->from == Given::From::command_line) {
        field = true;
    } else if (const auto value = truth(given->text)) {
        field = *value;
    } else {
        fail(Error(in_quotes(given->text) + " is neither true (1) nor false (0)")
                 .because(given->origin));
    }
}

void Fields::fail(Error error) {
    if (!error_) error_ = std::move(error);
}

}  // namespace torchelastic::options
