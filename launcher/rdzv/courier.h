// Carrying calls to etcd by the module that speaks HTTP.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "rdzv/election.h"

namespace torchelastic::rdzv {

/// The module that posts.
constexpr const char* kEtcdModule = "rdzv_etcd.so";

/// Where etcd is.
struct EtcdServers {
    std::vector<Endpoint> servers;  ///< of one cluster: the first that answers is asked
    bool https = false;
    std::string ca_cert;  ///< files; "": none of the user's
    std::string cert;
    std::string key;
    std::string user;  ///< "": etcd asks for none
    std::string password;
};

/// Makes one call; blocks until there is an answer, or none can be had: some seconds for each
/// server that does not even refuse. An answer is what etcd itself calls a success. May be called
/// from any thread, one call at a time.
using Carry = std::function<Result<std::string>(const Call& call)>;

/// Carries by the module, which is looked for in `folders` at the first call.
Carry carry_by_module(std::vector<std::string> folders, EtcdServers etcd);

/// What to make of an answer of HTTP: its body, or what is wrong with it, in one line. Pure.
Result<std::string> read_reply(int status, const std::string& body);

}  // namespace torchelastic::rdzv
