// A second way to meet, for agents whose first one failed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rdzv/rendezvous.h"

namespace torchelastic::rdzv {

/// Meets by `first`; if that fails, `tell` hears why, and `make_second` is called for the way that
/// is tried then. Both ways have to lead to the same door: some agents may come by the one and some
/// by the other.
std::unique_ptr<Rendezvous> meet_otherwise(std::unique_ptr<Rendezvous> first,
                                           std::function<std::unique_ptr<Rendezvous>()> make_second,
                                           std::function<void(const std::string& why)> tell);

}  // namespace torchelastic::rdzv
