// Reads the text of one option after the other into its field of Options: from the command line,
// else its PET_ variable, else the table. Knows no meaning of any option. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "options/command_line.h"
#include "options/parser.h"

namespace torchelastic::options {

/// One option's text, and how messages call the place where it was found.
struct Given {
    std::string text;
    std::string origin;
    enum class From { command_line, environment, table } from = From::command_line;
};

/// Keeps the first error. Both arguments must outlive it.
class Fields {
public:
    Fields(const CommandLine& line, const Environment& environment)
        : line_(line), environment_(environment) {}

    /// `name` is in the table.
    std::optional<Given> find(std::string_view name) const;

    /// `parse` makes the field of the text; an empty text leaves the field alone if
    /// `blank_is_none`.
    template <class T, class Parse>
    void read(std::string_view name, T& field, Parse parse, bool blank_is_none = false) {
        const auto given = find(name);
        if (!given || (blank_is_none && given->text.empty())) return;
        auto value = parse(given->text);
        if (value) {
            field = *std::move(value);
        } else {
            fail(std::move(value).error().because(given->origin));
        }
    }

    /// Such a variable is true or false, in numbers or in words.
    void flag(std::string_view name, bool& field);

    void fail(Error error);

    const std::optional<Error>& error() const { return error_; }
    const Environment& environment() const { return environment_; }

private:
    const CommandLine& line_;
    const Environment& environment_;
    std::optional<Error> error_;
};

}  // namespace torchelastic::options
