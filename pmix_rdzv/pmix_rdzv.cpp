// The module that asks PMIx: the only code that links libpmix. It shares no loop, no socket and no
// memory with the program that loads it.
//
// Of PMIx it uses what every launcher can be relied on for: Init, Put, Commit, one fence of the
// whole namespace that collects data, Get, Finalize; no fence where only the first ranks' cards are
// wanted, for which Slurm's Get waits. Under Slurm (22.05 to 26.05) a fence without data is no
// fence, one of a part of the ranks hangs, and any event notification kills the step.
#include <pmix.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "base/result.h"
#include "rdzv/exchange.h"

namespace {

using torchelastic::Error;
using torchelastic::failure;
using torchelastic::Result;
using torchelastic::rdzv::ExchangeAnswer;
using torchelastic::rdzv::ExchangeModule;

constexpr const char* kKey = "torchelastic.card";

/// Before the card stands the rank's number on its node: of other nodes' ranks not every launcher
/// tells it.
constexpr std::size_t kLocalRankBytes = sizeof(std::uint32_t);

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// "OpenPMIx 4.2.2" of "OpenPMIx 4.2.2 (PMIx Standard: ...)".
std::string own_version() {
    const std::string text = PMIx_Get_version();
    return text.substr(0, text.find_first_of(" (,", text.find_first_of("0123456789")));
}

/// Why one cannot get in, as far as the status and what the server has told tell.
std::string what_to_do(pmix_status_t status) {
    std::string words;
    const std::string security = variable("PMIX_SECURITY_MODE");
    if (status == PMIX_ERR_UNREACH) {
        words =
            "; the launcher's PMIx server is gone, or is not to be reached from here (in a "
            "container: mount " +
            variable("PMIX_SERVER_TMPDIR") + ")";
    } else if (!security.empty() && security != "native") {
        words = "; the server wants clients to prove who they are by '" + security +
                "', and this libpmix may lack that component: PMIX_MCA_psec=native in the "
                "environment may do";
    }
    const std::string server = variable("PMIX_VERSION");
    return words + " (libpmix here: " + own_version() +
           ", the server's: " + (server.empty() ? "not told" : server) + ")";
}

Result<void> result_of(const char* call, pmix_status_t status) {
    if (status == PMIX_SUCCESS) return {};
    return failure(std::string(call) + ": " + PMIx_Error_string(status) + " (" +
                   std::to_string(status) + ")");
}

/// A session with the launcher's PMIx server, from Init to Finalize.
class Client {
public:
    static Result<Client> init() {
        pmix_proc_t self{};
        const pmix_status_t status = PMIx_Init(&self, nullptr, 0);
        if (auto done = result_of("PMIx_Init", status); !done) {
            return failure(done.error().text() + what_to_do(status));
        }
        return Client(self);
    }
    ~Client() {
        if (open_) PMIx_Finalize(nullptr, 0);
    }
    Client(Client&& other) noexcept
        : self_(other.self_), open_(std::exchange(other.open_, false)) {}
    Client& operator=(Client&&) = delete;

    const pmix_proc_t& self() const { return self_; }

    pmix_proc_t rank(pmix_rank_t rank) const {
        pmix_proc_t proc = self_;
        proc.rank = rank;
        return proc;
    }

private:
    explicit Client(const pmix_proc_t& self) : self_(self) {}

    pmix_proc_t self_;
    bool open_ = true;
};

/// A value that PMIx gave away.
class Value {
public:
    static Result<Value> get(const pmix_proc_t& of, const char* key, pmix_data_type_t type) {
        Value value;
        const auto got = result_of("PMIx_Get", PMIx_Get(&of, key, nullptr, 0, &value.value_));
        if (!got) return failure(got.error());
        if (value->type == type) return value;
        return failure(std::string("PMIx_Get: ") + key + " has type " +
                       std::to_string(value->type) + " instead of " + std::to_string(type));
    }
    ~Value() {
        if (value_ != nullptr) PMIX_VALUE_RELEASE(value_);
    }
    Value(Value&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    Value& operator=(Value&&) = delete;

    const pmix_value_t* operator->() const { return value_; }

private:
    Value() = default;

    pmix_value_t* value_ = nullptr;
};

/// This process's number on its node.
std::uint32_t local_rank(const Client& client) {
    const auto found = Value::get(client.self(), PMIX_LOCAL_RANK, PMIX_UINT16);
    return found ? (*found)->data.uint16 : torchelastic::rdzv::kNoLocalRank;
}

Result<void> put(std::uint32_t local_rank, const char* card, std::size_t size) {
    std::string bytes(kLocalRankBytes, '\0');
    std::memcpy(bytes.data(), &local_rank, kLocalRankBytes);  // one machine type to a job
    bytes.append(card, size);
    pmix_value_t value{};
    value.type = PMIX_BYTE_OBJECT;
    value.data.bo.bytes = bytes.data();
    value.data.bo.size = bytes.size();
    if (auto done = result_of("PMIx_Put", PMIx_Put(PMIX_GLOBAL, kKey, &value)); !done) return done;
    return result_of("PMIx_Commit", PMIx_Commit());
}

/// Waits for all ranks.
Result<void> fence(const Client& client) {
    const pmix_proc_t everyone = client.rank(PMIX_RANK_WILDCARD);
    pmix_info_t collect{};  // by hand: what loads one has another name in every release
    std::snprintf(collect.key, sizeof collect.key, "%s", PMIX_COLLECT_DATA);
    collect.value.type = PMIX_BOOL;
    collect.value.data.flag = true;
    return result_of("PMIx_Fence", PMIx_Fence(&everyone, 1, &collect, 1));
}

Result<void> read_card(const Client& client, pmix_rank_t rank, const ExchangeAnswer& answer) {
    auto found = Value::get(client.rank(rank), kKey, PMIX_BYTE_OBJECT);
    if (!found) {
        return failure(
            std::move(found).error().because("the card of rank " + std::to_string(rank)));
    }
    const pmix_byte_object_t& bytes = (*found)->data.bo;
    if (bytes.size < kLocalRankBytes) {
        return failure("the card of rank " + std::to_string(rank) + " is cut short");
    }
    std::uint32_t local = torchelastic::rdzv::kNoLocalRank;
    std::memcpy(&local, bytes.bytes, kLocalRankBytes);
    answer.card(answer.context, rank, local, bytes.bytes + kLocalRankBytes,
                bytes.size - kLocalRankBytes);
    return {};
}

Result<void> exchange_cards(const char* card, std::size_t size, std::uint32_t wanted,
                            const ExchangeAnswer& answer) {
    const auto doing = [&](const char* step) { answer.doing(answer.context, step); };
    doing("connecting to the launcher's PMIx server");
    const auto client = Client::init();
    if (!client) return failure(client.error());
    const auto ranks = Value::get(client->rank(PMIX_RANK_WILDCARD), PMIX_JOB_SIZE, PMIX_UINT32);
    if (!ranks) return failure(ranks.error());
    answer.joined(answer.context, client->self().rank, (*ranks)->data.uint32,
                  client->self().nspace);

    doing("handing out the business card");
    const std::uint32_t local = local_rank(*client);
    if (auto done = put(local, card, size); !done) return done;
    if (wanted == 0) {
        doing("waiting in PMIx_Fence for the agents of all ranks");
        if (auto done = fence(*client); !done) return done;
    }
    doing(wanted == 0 ? "collecting the business cards"
                      : "waiting for the business card of the first node's agent");
    const std::uint32_t all = (*ranks)->data.uint32;
    const std::uint32_t last = wanted == 0 ? all : std::min(wanted, all);
    for (pmix_rank_t rank = 0; rank < last; ++rank) {
        if (rank == client->self().rank) {
            answer.card(answer.context, rank, local, card, size);
        } else if (auto done = read_card(*client, rank, answer); !done) {
            return done;
        }
    }
    doing("leaving the launcher's PMIx server");
    return {};
}

void exchange(const char* card, std::size_t size, std::uint32_t wanted,
              const ExchangeAnswer* answer) {
    const auto done = exchange_cards(card, size, wanted, *answer);
    if (!done) answer->failed(answer->context, done.error().text().c_str());
}

constexpr ExchangeModule kModule = {torchelastic::rdzv::kExchangeVersion, exchange};

}  // namespace

extern "C" const ExchangeModule* torchelastic_exchange_module() {
    return &kModule;
}
