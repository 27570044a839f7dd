// The keys of --rdzv-conf.
#include "options/rdzv_conf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "options/near_miss.h"
#include "options/values.h"

namespace torchelastic::options {

namespace {

std::optional<int> whole(std::string_view text, int least) {
    const auto value = python_int(text);
    if (!value || *value < least || *value > std::numeric_limits<int>::max()) return std::nullopt;
    return static_cast<int>(*value);
}

std::optional<std::chrono::milliseconds> parse_interval(std::string_view text) {
    constexpr double kLongest = 1e6;
    const auto seconds = python_float(text);
    if (!seconds || !(*seconds >= 0.001) || *seconds > kLongest) return std::nullopt;
    return std::chrono::milliseconds(std::llround(*seconds * 1000));
}

/// One key of --rdzv-conf: what it takes, and how it enters the value; false: the text is no such.
struct Key {
    std::string_view name;
    std::string_view takes;
    bool (*set)(RendezvousConf& conf, std::string_view text);
};

std::string lowercase(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return lower;
}

bool is_seconds(RendezvousConf& /*conf*/, std::string_view text) {
    return whole(text, 1).has_value();
}

bool is_rank(RendezvousConf& /*conf*/, std::string_view text) {
    return whole(text, 0).has_value();
}

/// The words of torch's RendezvousParameters.get_as_bool.
std::optional<bool> boolean(std::string_view text) {
    constexpr std::array<std::string_view, 10> kWords = {"1", "true",  "t", "yes", "y",
                                                         "0", "false", "f", "no",  "n"};
    const auto found = std::find(kWords.begin(), kWords.end(), lowercase(text));
    if (found == kWords.end()) return std::nullopt;
    return found < kWords.begin() + kWords.size() / 2;
}

bool is_boolean(RendezvousConf& /*conf*/, std::string_view text) {
    return boolean(text).has_value();
}

bool set_protocol(RendezvousConf& conf, std::string_view text) {
    conf.etcd.https = text == "https";
    return conf.etcd.https || text == "http";
}

template <std::string EtcdConf::*member>
bool set_etcd(RendezvousConf& conf, std::string_view text) {
    conf.etcd.*member = text;
    return true;
}

bool set_store_type(RendezvousConf& conf, std::string_view text) {
    const std::string type = lowercase(text);
    conf.file_store = type == "file";
    return conf.file_store || type == "tcp";
}

constexpr std::string_view kSeconds = "a whole number of seconds above 0";
constexpr std::string_view kBoolean = "true or false";

constexpr std::array kKeys = {
    Key{"join_timeout", kSeconds,
        [](RendezvousConf& conf, std::string_view text) {
            const auto seconds = whole(text, 1);
            if (seconds) conf.join_timeout = std::chrono::seconds(*seconds);
            return seconds.has_value();
        }},
    Key{"keep_alive_interval", "a number of seconds above 0",
        [](RendezvousConf& conf, std::string_view text) {
            const auto interval = parse_interval(text);
            if (interval) conf.keep_alive_interval = *interval;
            return interval.has_value();
        }},
    Key{"keep_alive_max_attempt", "a whole number above 0",
        [](RendezvousConf& conf, std::string_view text) {
            const auto attempts = whole(text, 1);
            if (attempts) conf.keep_alive_max_attempt = *attempts;
            return attempts.has_value();
        }},
    Key{"port_range", "LOW-HIGH, two ports from 1 to 65535",
        [](RendezvousConf& conf, std::string_view text) {
            const auto range = parse_ports(text);
            if (range) conf.port_range = *range;
            return range.has_value();
        }},
    Key{"pmix_timeout", kSeconds,
        [](RendezvousConf& conf, std::string_view text) {
            const auto seconds = whole(text, 1);
            if (seconds) conf.pmix_timeout = std::chrono::seconds(*seconds);
            return seconds.has_value();
        }},
    Key{"last_call_timeout", kSeconds,
        [](RendezvousConf& conf, std::string_view text) {
            const auto seconds = whole(text, 1);
            if (seconds) conf.last_call_timeout = std::chrono::seconds(*seconds);
            return seconds.has_value();
        }},
    Key{"is_host", kBoolean,
        [](RendezvousConf& conf, std::string_view text) {
            conf.is_host = boolean(text);
            return conf.is_host.has_value();
        }},
    // Of etcd, by the names of both of torchrun's backends.
    Key{"protocol", "http or https", set_protocol},
    Key{"ssl_cert", "a file", set_etcd<&EtcdConf::cert>},
    Key{"ssl_cert_key", "a file", set_etcd<&EtcdConf::key>},
    Key{"ca_cert", "a file", set_etcd<&EtcdConf::ca_cert>},
    Key{"cert", "a file", set_etcd<&EtcdConf::cert>},
    Key{"key", "a file", set_etcd<&EtcdConf::key>},
    Key{"cacert", "a file", set_etcd<&EtcdConf::ca_cert>},
    Key{"etcd_prefix", "a path", set_etcd<&EtcdConf::prefix>},
    // Of torchrun's backends, without effect here.
    Key{"timeout", kSeconds, is_seconds},
    Key{"close_timeout", kSeconds, is_seconds},
    Key{"heartbeat_timeout", kSeconds, is_seconds},
    Key{"read_timeout", kSeconds, is_seconds},
    Key{"store_type", "tcp or file", set_store_type},
    Key{"use_libuv", kBoolean, is_boolean},
    Key{"rank", "a whole number of at least 0", is_rank},
};

/// What torchrun passes on beside the configuration: it fails there with a TypeError.
struct Reserved {
    std::string_view name;
    std::string_view option;
};
constexpr std::array kReserved = {
    Reserved{"backend", "rdzv-backend"}, Reserved{"endpoint", "rdzv-endpoint"},
    Reserved{"run_id", "rdzv-id"},       Reserved{"min_nodes", "nnodes"},
    Reserved{"max_nodes", "nnodes"},     Reserved{"local_addr", "local-addr"},
};

Error unknown_key(std::string_view name) {
    for (const Reserved& reserved : kReserved) {
        if (name == reserved.name) {
            return Error(fmt::format("the key {} is not for --rdzv-conf: use --{}", in_quotes(name),
                                     reserved.option));
        }
    }
    std::vector<std::string> known;
    known.reserve(kKeys.size());
    for (const Key& key : kKeys)
        known.emplace_back(key.name);
    const std::string text = fmt::format("the key {} is unknown", in_quotes(name));
    if (const auto near = near_miss(name, known)) {
        return Error(fmt::format("{}: did you mean {}?", text, *near));
    }
    return Error(fmt::format("{}; known are {}", text, join(known, ", ")));
}

std::string_view without_quotes(std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                        (text.front() == '\'' || text.front() == '"');
    return quoted ? trim(text.substr(1, text.size() - 2)) : text;
}

}  // namespace

Result<RendezvousConf> parse_rendezvous_conf(std::string_view text) {
    RendezvousConf conf;
    const std::string_view inner = without_quotes(trim(text));
    if (inner.empty()) return conf;
    for (const std::string& piece : split(inner, ',')) {
        const auto equals = piece.find('=');
        const std::string_view name = trim(std::string_view(piece).substr(0, equals));
        const std::string_view value =
            equals == std::string::npos ? "" : trim(std::string_view(piece).substr(equals + 1));
        if (name.empty()) {
            return failure(fmt::format("{} is not in the form KEY=VALUE,...", in_quotes(text)));
        }
        const auto key = std::find_if(kKeys.begin(), kKeys.end(),
                                      [&](const Key& known) { return known.name == name; });
        if (key == kKeys.end()) return failure(unknown_key(name));
        if (value.empty()) {
            return failure(fmt::format("the key {} must have a value", in_quotes(name)));
        }
        if (!key->set(conf, value)) {
            return failure(
                fmt::format("{} takes {}, not {}", key->name, key->takes, in_quotes(value)));
        }
    }
    return conf;
}

}  // namespace torchelastic::options
