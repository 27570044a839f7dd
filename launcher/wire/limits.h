// What numbers of a peer's may be, beyond fitting into their types: whoever reads a message counts
// with them. Pure.
#pragma once

#include "wire/codec.h"

namespace torchelastic::wire {

/// The first field whose value no agent of ours would send; null: there is none.
const char* out_of_range(const Message& message);

}  // namespace torchelastic::wire
