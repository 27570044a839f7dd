// --rdzv-conf: the rendezvous' configuration as "key=value,...". Pure; every error is one clause
// that quotes the text.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "options/values.h"

namespace torchelastic::options {

/// What of --rdzv-conf is for etcd alone. Files in PEM.
struct EtcdConf {
    bool https = false;
    std::string ca_cert;  ///< "": the system's
    std::string cert;     ///< of this client, with its key; "": none
    std::string key;
    std::string prefix = "/torchelastic";  ///< of the keys

    bool operator==(const EtcdConf&) const = default;
};

/// --rdzv-conf.
struct RendezvousConf {
    /// How long a round may wait for the nodes it needs. Above 0.
    std::chrono::seconds join_timeout{600};
    /// An agent that was silent for interval * max_attempt is lost. Both above 0.
    std::chrono::milliseconds keep_alive_interval{1000};
    int keep_alive_max_attempt = 3;
    /// Where agents and the workers' store listen, unless the user named their ports; nothing:
    /// their own choice. --port-range wins over the key.
    std::optional<PortRange> port_range;
    /// How long the pmix backend waits for the processes that its launcher started. Above 0.
    std::chrono::seconds pmix_timeout{60};
    /// How long those who are enough wait for more, under c10d. Above 0.
    std::chrono::seconds last_call_timeout{3};
    /// Whether this agent is the one to be met, under c10d; nothing: it looks at the endpoint.
    std::optional<bool> is_host;
    bool file_store = false;  ///< store_type=file: --rdzv-endpoint is a path
    EtcdConf etcd;

    bool operator==(const RendezvousConf&) const = default;
};

/// "key=value,...", of a key given twice the last wins; a pair of quotes around the whole, which a
/// shell left there, is taken off. torchrun's grammar and keys, those without effect here checked
/// like the others. But an unknown key is an error: there it is ignored, and a misspelt timeout is
/// never noticed.
Result<RendezvousConf> parse_rendezvous_conf(std::string_view text);

}  // namespace torchelastic::options
