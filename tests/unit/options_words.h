// Words and variables in, Options or the error out.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "options/parser.h"

namespace torchelastic::options {

using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

inline Environment environment(Variables variables = {}) {
    return [variables = std::move(variables)](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

inline Options options(const Words& arguments, const Variables& variables = {}) {
    Parsed parsed = parse(arguments, environment(variables));
    if (const auto* error = std::get_if<UsageError>(&parsed)) {
        ADD_FAILURE() << error->text;
        return {};
    }
    return std::get<Options>(parsed);
}

inline std::string error(const Words& arguments, const Variables& variables = {}) {
    const Parsed parsed = parse(arguments, environment(variables));
    const auto* found = std::get_if<UsageError>(&parsed);
    return found ? found->text : "no error";
}

}  // namespace torchelastic::options
