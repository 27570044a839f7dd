// A rendezvous module that plays a launcher of two ranks, or, as FAKE_* says, a broken one.
#include <string>

#include "rdzv/exchange.h"

namespace {

using torchelastic::rdzv::ExchangeAnswer;
using torchelastic::rdzv::ExchangeModule;
using torchelastic::rdzv::kExchangeVersion;

/// The card says what to do.
void exchange(const char* card, std::size_t size, std::uint32_t wanted,
              const ExchangeAnswer* answer) {
    const std::string order(card, size);
    void* to = answer->context;
    answer->doing(to, "playing");
    if (order == "silence") return;
    if (order == "failure") return answer->failed(to, "out\nof order");
    if (order == "nonsense") return answer->joined(to, 5, 2, "fake");
    answer->joined(to, 1, 2, "fake");
    if (order == "no joined rank") answer->card(to, 2, 0, "x", 1);
    if (wanted != 1) answer->card(to, 1, 1, card, size);
    if (order != "incomplete") answer->card(to, 0, 0, "zero\0", 5);
}

#ifdef FAKE_VERSION
constexpr ExchangeModule kModule = {FAKE_VERSION, exchange};
#else
constexpr ExchangeModule kModule = {kExchangeVersion, exchange};
#endif

}  // namespace

#ifndef FAKE_NO_ENTRY
extern "C" const ExchangeModule* torchelastic_exchange_module() {
    return &kModule;
}
#endif
